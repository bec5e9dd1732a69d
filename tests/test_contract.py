"""What every registered family promises in every dialect: shapes, files, gradients, learning, energy, spikes."""

from __future__ import annotations

import copy
import re

import pytest
import torch
from torch import Tensor

from energy.account import account
from graph.infer import frame_macs, infer
from graph.lower import Network, lower, observe
from graph.lower.network import Scope
from graph.models import FAMILIES, build, spec_of
from graph.ops import Firing, Output
from graph.passes import SpikeSpec, fold, lint, released, spikify
from graph.serial import dumps, loads, same
from graph.trainable import trained
from graph.values import Clock, Spike
from snn import SNN
from tests.contract import (
    CLIPS,
    FORMS,
    FRAMES,
    NOTHING,
    ROWS,
    SMALL,
    TINY,
    every,
    gradients,
    graph_of,
    learning,
    loss_of,
    made,
    seen_by,
    whole,
)

BINARY = ("lif", "demo_lif")
# A shift in front of a batch norm changes nothing: the norm takes means away, also through a neuron that rounds, whose
# straight-through gradient is the identity's. AV2TS's level codes are such shifts, one for all of a map.
SHIFT = r"\.bias$|level_embed\.weight$"
# What else has none, and in which dialects. In AV2TS what an attention's mask is made of meets a threshold, and with
# binary spikes the weights by which the picture follows time stay below one spike, so nothing comes through them.
IDLE = {
    "av2ts": (
        BINARY,
        (
            r"^sites\.predictor\.memories\.\d\.feature\.norm\.weight$",
            r"^(sites\.)?time_visual_attn_blocks\.\d\.(norm1|attn)\.",
        ),
    )
}
# Products of queries and pixels in masks and masked attentions cannot be re-associated: counts times counts.
SPIKE_FED = {"av2ts": 0.965}


# --- values


@every(*FORMS)
def test_every_node_is_what_it_says(family, dialect):
    """Shape, rows by clock and by clip, and whole counts where it says spike."""
    module, seen = made(family, dialect).eval(), {}
    graph = module.graph
    facts = infer(graph)
    observe(module, seen_by(module, whole(0, 1)), lambda node, inputs, value: seen.__setitem__(node.name, value))
    assert set(seen) == {n for n, v in graph.nodes.items() if not isinstance(v.op, Output)}
    for name, value in seen.items():
        fact = facts[name]
        once = ROWS // fact.frames if fact.frames else 1
        rows = {Clock.STATIC: 1, Clock.ONCE: once, Clock.STEPPED: once * graph.steps}[fact.clock]
        assert tuple(value.shape) == (rows, *fact.shape), name
        if isinstance(fact.kind, Spike):
            assert torch.equal(value, value.round()), name
            low = -fact.kind.levels if fact.kind.signed else 0
            assert low <= value.min() and value.max() <= fact.kind.levels, name
    assert facts[graph.outputs["mask"]].frames == 1


@every(*FORMS)
def test_parameters_are_counted(family, dialect):
    graph, module = graph_of(family, dialect), made(family, dialect)
    assert graph.parameters() == sum(p.numel() for p in module.parameters()) > 0
    firing = [v for v in graph.nodes.values() if isinstance(v.op, Firing) and v.op.site is not None]
    assert bool(firing) == (dialect != "ann")


@pytest.mark.parametrize("family", FAMILIES)
@torch.no_grad()
def test_training_outputs_leave_no_trace(family):
    """The mask alone is the same mask, from a network in which every value is read."""
    for dialect in ("ann", "ilif"):
        module, alone = made(family, dialect).eval(), made(family, dialect, outputs=["mask"]).eval()
        kept = alone.graph
        assert list(kept.outputs) == ["mask"] and len(module.graph.outputs) > 1
        assert not [n for n, v in kept.nodes.items() if isinstance(v.op, Output) and v.op.training]
        assert [n for n, readers in kept.consumers().items() if not readers] == [kept.outputs["mask"]]
        state = module.state_dict()
        alone.load_state_dict({key: state[key] for key in alone.state_dict()})
        batch = seen_by(module, whole(0))
        assert torch.equal(alone(**batch)["mask"], module(**batch)["mask"])


def codes(module: Network) -> dict[str, str]:
    """The code of the network, and of every scope in it."""
    return {path: part.code for path, part in module.named_modules() if isinstance(part, Scope)}


@every("ann", "ilif", "lif", slow=["qann", "demo_lif"])
@torch.no_grad()
def test_it_survives_a_file(family, dialect):
    graph, table = graph_of(family, dialect), FORMS[dialect].table
    text = dumps(graph)
    again = loads(text)
    assert same(again, graph) and list(again) == list(graph) and dumps(again) == text
    first, second = made(family, dialect).eval(), lower(again, table).eval()
    assert codes(first) == codes(second) and list(first.state_dict()) == list(second.state_dict())
    second.load_state_dict(first.state_dict())
    batch = seen_by(first, whole(0))
    a, b = first(**batch), second(**batch)
    assert set(a) == set(b) == set(graph.outputs) and all(torch.equal(a[key], b[key]) for key in a)


# --- learning


@torch.no_grad()
def moved_by(names: list[str], family: str, module: Network, batch: dict[str, Tensor]) -> float:
    """By what share the loss changes when these tensors do."""
    twin = copy.deepcopy(module)
    for name, p in twin.named_parameters():
        if name in names:
            p += torch.randn_like(p)
    before, after = (float(loss_of(family, m, batch).whole) for m in (copy.deepcopy(module), twin))
    return abs(after / before - 1)


@every("ann", "ilif", "lif", slow=["qann", "demo_lif"])
def test_every_tensor_has_a_gradient(family, dialect):
    """But for shifts that norms take away, which an ANN proves by not moving, and for what ``IDLE`` names."""
    size = TINY if dialect == "demo_lif" else SMALL
    module, batches = made(family, dialect, size), [whole(i, i + 1, size=size) for i in (0, 2, 4)]
    still = [name for name, largest in gradients(family, module, batches).items() if largest < NOTHING]
    dialects, patterns = IDLE.get(family, ((), ()))
    named = [p for p in patterns if dialect in dialects]
    assert not [name for name in still if not any(re.search(p, name) for p in (SHIFT, *named))]
    weights = [name for name in still if not re.search(SHIFT, name)]
    assert all(any(re.search(p, name) for name in weights) for p in named)
    if dialect == "ann":
        assert still
        assert moved_by(still, family, module, batches[0]) < 1e-6


@every("ann", "ilif", slow=["qann", *BINARY])
def test_twenty_steps_lower_the_loss(family, dialect):
    lr, most = (2e-2, 0.95) if dialect in BINARY else (5e-3, 0.9)
    assert learning(family, dialect, lr=lr) < most


def test_learning_is_the_optimizers_work():
    """Not the moving codebook's, nor the batch norms'."""
    assert learning("qsd", "ann", lr=0.0) > 0.97


def test_published_image_attention_cannot_learn_where_to_look():
    """Counts in place of a softmax have no gradient: queries and keys of the image's backbone stay as they came. All
    else learns, but for a softmax over the one token of sound, and shifts that norms or a softmax take away."""
    spec = spec_of(
        "miavs",
        "released",
        image=TINY,
        backbone="pvt_v2_b0",
        audio="tiny_audio",
        audio_widths=(8, 8, 16, 16),
        audio_dim=32,
        frozen=(),
        hidden=32,
        mask_dim=32,
        heads=4,
        points=2,
        queries=8,
        query_layers=1,
        query_ffn=64,
        encoder_layers=1,
        decoder_layers=1,
        ffn=64,
        mlp=64,
        fc=(16, 8),
        critic=(16, 8),
        dropout=0.0,
    )
    assert spec.hidden_norms
    torch.manual_seed(0)
    module = lower(released(build("miavs", spec)), SNN)
    with torch.no_grad():
        for name, p in module.named_parameters():
            if re.search(r"^backbone\..*\.attn\.(q|kv)\.weight$", name):
                p *= 20  # as far from zero as trained ones: below half a count no attention would say anything
    found = gradients("miavs", module, [whole(clip, size=TINY) for clip in range(3)])
    looking = {n: v for n, v in found.items() if re.search(r"^backbone\..*\.attn\.(q\.|kv\..*:k$)", n)}
    assert len(looking) == 8 * 4 and not any(looking.values())  # exactly zero
    still = {n for n, v in found.items() if v < NOTHING and n not in looking and not n.endswith(".bias")}
    one_token = "head.query_generator.layers.0.cross_attn."
    assert still == {f"{one_token}{part}_proj.weight" for part in "qk"}
    seen = [n for n in found if re.search(r"^backbone\..*\.attn\.kv\.weight:v$", n)]
    assert len(seen) == 8 and min(found[n] for n in seen) > NOTHING


# --- specs, energy, spikes


@pytest.mark.parametrize("family", FAMILIES)
def test_every_named_spec_builds_and_freezes_what_it_says(family):
    for name, spec in FAMILIES[family].specs.items():
        graph = build(family, spec)
        found = trained(graph, spec.frozen)
        assert graph[graph.outputs["mask"]].shape == (spec.classes, spec.image, spec.image), name
        assert found.trainable > 0 and bool(found.frozen) == bool(spec.frozen), name
        assert found.total == graph.parameters()


@every("ann", "ilif", slow=["qann", *BINARY])
def test_its_energy_is_counted(family, dialect):
    module = made(family, dialect, outputs=["mask"])
    found = account(module, [whole(0, 1)], frames=FRAMES, name=family)
    assert (found.samples, found.coverage) == (CLIPS, 1.0)
    facts = infer(module.graph)  # what is computed once, when a network is loaded, costs a frame nothing
    macs = {n: count for n, count in frame_macs(module.graph).items() if facts[n].clock != Clock.STATIC}
    assert found.macs == pytest.approx(sum(macs.values()), rel=1e-4)
    assert {row.name for row in found.layers} >= {name for name, count in macs.items() if count}
    assert bool(found.totals.sum("ac_w")) == bool(found.spike_fed_share) == (dialect != "ann")


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize(("spec", "least"), [("full", 0.97), ("tiny", 0.9)])
def test_spikes_feed_nearly_all_multiplies(family, spec, least):
    graph, _ = fold(spikify(build(family, spec).pruned(["mask"]), SpikeSpec(score="linear")))
    found = lint(graph)
    assert found.spike_fed_share >= (SPIKE_FED.get(family, least) if spec == "full" else least)
    assert len([f for f in found.findings if f.input_layer]) == 2
    assert not [f for f in found.left if f.reason.startswith(("input '", "distances"))]
