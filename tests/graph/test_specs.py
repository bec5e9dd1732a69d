"""Specs: a wrong word is a sentence, each field means one thing, and a family is one line of the registry."""

from __future__ import annotations

from collections import Counter
from dataclasses import MISSING, dataclass, fields, replace
from typing import Any

import pytest

from common.choices import choices
from graph.graph import Graph
from graph.models import FAMILIES, Family, build, spec_of
from graph.ops import Input, Norm
from graph.spec import SMALL, BaseSpec

TYPES = {family: type(entry.specs["full"]) for family, entry in FAMILIES.items()}
SPIKE_FRIENDLY = [(family, field) for family, spec in TYPES.items() for field in spec.spike_friendly]
NORMS = ("hidden_norms", "projection_norms", "stream_norms", "result_norms", "mask_feature_norm", "written_norms")


def forms(family: str) -> list[Any]:
    """A small network as the papers have it, and the spike-friendly one."""
    tiny = spec_of(family, "tiny")
    return [tiny.as_published(), tiny]


# --- words


@pytest.mark.parametrize(
    ("family", "field", "wrong", "near"),
    [
        *((family, "norm", "bacth", "batch") for family in FAMILIES),
        *((family, "attention", "lineer", "linear") for family in FAMILIES),
        ("miavs", "score", "rel", "relu"),
        ("miavs", "gate", "hrad", "hard"),
        ("miavs", "act", "gleu", "gelu"),
        ("miavs", "memory_upsample", "neerest", "nearest"),
        ("miavs", "query_init", "smal", "small"),
        ("miavs", "mask_mlp_norms", "hiden", "hidden"),
        ("etavs", "query_init", "xavir", "xavier"),
        ("av2ts", "query_init", "smal", "small"),
        ("qsd", "query_init", "smal", "small"),
        ("qsd", "recombine", "ad", "add"),
    ],
)
def test_a_wrong_word_is_answered_with_the_nearest(family, field, wrong, near):
    with pytest.raises(ValueError, match=f"^spec.{field} is '{wrong}', expected one of .*; nearest: '{near}'$"):
        spec_of(family, "tiny", **{field: wrong})


@pytest.mark.parametrize("spec", TYPES.values())
def test_every_word_of_a_spec_is_a_choice(spec):
    """But for the names of networks, which registries hold."""
    words = {f.name for f in fields(spec) if isinstance(f.default, str)}
    assert words - set(choices(spec)) == {"backbone", "audio"}


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize(
    ("field", "wrong", "near"), [("backbone", "resnet5", "resnet50"), ("audio", "vgish", "vggish")]
)
def test_a_network_that_no_registry_has(family, field, wrong, near):
    with pytest.raises(ValueError, match=f"^spec.{field} is '{wrong}', expected one of .*; nearest: '{near}'$"):
        build(family, spec_of(family, "full", **{field: wrong}))


# --- fields


@pytest.mark.parametrize("spec", TYPES.values())
def test_the_papers_values_are_the_defaults(spec):
    assert spec().as_published() == spec()
    defaults = {f.name: f.default for f in fields(spec)}
    assert not {name for name, value in spec.spike_friendly.items() if defaults[name] in (MISSING, value)}


@pytest.mark.parametrize("family", FAMILIES)
def test_one_table_makes_a_small_spec_spike_friendly(family):
    tiny, spec = spec_of(family, "tiny"), TYPES[family]
    assert {name: getattr(tiny, name) for name in spec.spike_friendly} == dict(spec.spike_friendly)
    assert not set(SMALL) & set(spec.spike_friendly)
    published = tiny.as_published()
    assert replace(published, **spec.spike_friendly) == tiny
    assert {name: getattr(published, name) for name in SMALL} == {name: getattr(tiny, name) for name in SMALL}


@pytest.mark.parametrize("family", FAMILIES)
def test_norm_means_only_which_norm(family):
    for spec in forms(family):
        layer, batch = (build(family, replace(spec, norm=word)) for word in ("layer", "batch"))
        assert list(layer) == list(batch)
        for name, node in layer.nodes.items():
            other = batch[name]
            assert node.args == other.args
            both_norms = isinstance(node.op, Norm) and isinstance(other.op, Norm)
            assert node.op == other.op or both_norms, name


@pytest.mark.parametrize("family", FAMILIES)
def test_pre_norm_means_only_where_a_norm_stands(family):
    for spec in forms(family):
        pre, post = (build(family, replace(spec, pre_norm=value)) for value in (True, False))
        assert {n: node.op for n, node in pre.nodes.items()} == {n: node.op for n, node in post.nodes.items()}
        moved = {n for n, node in pre.nodes.items() if node.args != post[n].args}
        assert bool(moved) == (family != "etavs")  # whose sublayers are not of this kind


@pytest.mark.parametrize(("family", "field"), SPIKE_FRIENDLY)
def test_each_field_stands_alone(family, field):
    """From either form, any one field of the table may have the other form's value."""
    published, friendly = forms(family)
    for spec, other in ((published, friendly), (friendly, published)):
        graph = build(family, replace(spec, **{field: getattr(other, field)}))
        assert graph[graph.outputs["mask"]].shape == (spec.classes, spec.image, spec.image)


@pytest.mark.parametrize(("family", "field"), [(family, field) for family, field in SPIKE_FRIENDLY if field in NORMS])
@pytest.mark.parametrize("published", [True, False])
def test_a_field_of_norms_adds_norms_alone(family, field, published):
    spec = replace(forms(family)[not published], bias_before_norms=True)
    without, with_norms = (build(family, replace(spec, **{field: value})) for value in (False, True))
    assert set(without) <= set(with_norms)
    assert {type(with_norms[name].op) for name in set(with_norms) - set(without)} <= {Norm}
    assert all(node.op == with_norms[name].op for name, node in without.nodes.items())


def test_norms_of_the_mask_heads_mlp():
    counts = {}
    for word in ("none", "hidden", "every"):
        graph = build("miavs", spec_of("miavs", "tiny", mask_mlp_norms=word, mask_mlp_layers=4))
        ops = Counter(type(node.op) for n, node in graph.nodes.items() if n.startswith("head.mlp."))
        counts[word] = ops[Norm]
    assert counts == {"none": 0, "hidden": 3, "every": 4}


# --- families


@dataclass(frozen=True, kw_only=True)
class ToySpec(BaseSpec):
    image: int = 8


def toy(spec: ToySpec) -> Graph:
    g = Graph(name="toy")
    g.output("mask", g("image", Input(dims=(spec.classes, spec.image, spec.image))))
    return g


def test_a_family_is_one_line_of_the_registry(monkeypatch):
    monkeypatch.setitem(FAMILIES, "toy", Family(toy, {"full": ToySpec(), "tiny": ToySpec(image=4)}))
    assert build("toy")["out_mask"].shape == (1, 4, 4)
    assert build("toy", spec_of("toy", "full", classes=3))["out_mask"].shape == (3, 8, 8)


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (("miav", "tiny"), "model.name is 'miav', expected one of avsegformer, miavs, .*; nearest: 'miavs'"),
        (("miavs", "realesed"), "model.spec is 'realesed', expected one of full, tiny, .*; nearest: 'released'"),
    ],
)
def test_names_that_no_registry_has(names, message):
    with pytest.raises(ValueError, match=message):
        build(*names)
