"""The information term: what it reads of a network's outputs, and what it says about a network that lacks it."""

import pytest
import torch

from avs.information.estimators import ESTIMATORS
from avs.information.names import BOUNDS, NAMES, check
from avs.information.released import released
from avs.information.terms import as_map, term

SHAPES = {
    "mask": (1, 8, 8),
    "mask_feature": (6, 4, 4),
    "level_0": (5, 2, 2),
    "memory_0": (4, 7),
    "audio_token": (1, 8),
    "mi_map": (16, 1),
}


def outputs(seed: int = 0, rows: int = 4) -> dict[str, torch.Tensor]:
    random = torch.Generator().manual_seed(seed)
    return {name: torch.randn(rows, *shape, generator=random).requires_grad_() for name, shape in SHAPES.items()}


def read(name: str, level: str = "mask_feature", **changes) -> dict[str, torch.Tensor]:
    torch.manual_seed(0)
    given, module, upper = outputs(), term(name, SHAPES, level=level), torch.zeros(4, 8, 8)
    upper[:, :4] = 1
    random = torch.Generator().manual_seed(3)
    value = module(given, changes.get("mask", upper), torch.arange(4), random, changes.get("labelled"))
    value.backward()
    return {"value": value.detach()} | {k: v.grad for k, v in given.items() if v.grad is not None and v.grad.any()}


@pytest.mark.parametrize("level", ["mask_feature", "level_0", "memory_0"])
def test_pixels_come_from_the_level_that_is_asked_for(level):
    assert set(read("infonce", level)) == {"value", level}


@pytest.mark.parametrize("name", NAMES)
def test_every_estimator_is_called_alike(name):
    found = read(name)
    assert found["value"].isfinite() and set(found) == {"value", "mi_map" if name == "released" else "mask_feature"}


def test_a_placebo_is_the_same_term_under_other_sounds():
    torch.manual_seed(0)
    module = term("infonce", SHAPES, permuted=True)
    torch.manual_seed(0)
    honest = term("infonce", SHAPES)
    given, upper, clip = outputs(rows=8), torch.zeros(8, 8, 8), torch.arange(8)
    upper[:, :4] = 1
    one, two = torch.Generator().manual_seed(3), torch.Generator().manual_seed(3)
    moved = given | {"audio_token": given["audio_token"][torch.randperm(8, generator=two)]}
    assert torch.equal(module(given, upper, clip, one), honest(moved, upper, clip, two))
    assert module.state_dict().keys() == honest.state_dict().keys()


def test_released_reads_the_tokens_as_a_map():
    given, mask = outputs(), torch.zeros(4, 8, 8)
    mask[:, :, :4] = 1
    value = term("released", SHAPES)(given, mask, torch.arange(4), torch.Generator())
    torch.testing.assert_close(value, released(given["mi_map"].reshape(4, 4, 4), mask))


def test_tokens_are_rows_of_a_map():
    value = torch.randn(2, 3, 4, 4)
    assert torch.equal(as_map(value.flatten(2).transpose(1, 2)), value)
    with pytest.raises(ValueError, match=r"found pixels \(2, 7, 3\)"):
        as_map(torch.zeros(2, 7, 3))


@pytest.mark.parametrize("name", NAMES)
def test_masks_of_unlabelled_frames_are_not_read(name):
    """They are there in a clip of which one frame may be used."""
    some = torch.tensor([True, False, True, False])
    honest, peeping = torch.zeros(4, 8, 8), torch.zeros(4, 8, 8)
    honest[some, :4] = 1
    peeping[some, :4] = 1
    peeping[~some, :, :4] = 1
    a, b = read(name, mask=honest, labelled=some), read(name, mask=peeping, labelled=some)
    assert a.keys() == b.keys() and all(torch.equal(a[k], b[k]) for k in a)
    assert not torch.equal(read(name, mask=peeping)["value"], a["value"])


def test_released_has_nothing_to_learn_or_to_save():
    assert not term("released", SHAPES).state_dict()


@pytest.mark.parametrize(
    "arguments, lacking, sentence",
    [
        (("mine", "mask_feature"), "", "information.estimator is 'mine', expected one of infonce"),
        (("infonce", "levl_0"), "", "is 'levl_0', expected one of mask_feature, level_0.*nearest: 'level_0'"),
        (("infonce", "audio_token"), "", "information.level is 'audio_token'"),
        (("released", "mask_feature"), "mi_map", "found 'released' with a network that has no output 'mi_map'"),
        (("dv", "mask_feature"), "audio_token", "without the output 'audio_token'"),
    ],
)
def test_what_a_network_lacks_is_said(arguments, lacking, sentence):
    with pytest.raises(ValueError, match=sentence):
        check(*arguments, {name: shape for name, shape in SHAPES.items() if name != lacking})


def test_who_reads_no_sound_has_no_placebo():
    with pytest.raises(ValueError, match="information.permuted: found true with the estimator 'released'"):
        check("released", "mask_feature", SHAPES, permuted=True)


def test_every_bound_that_has_a_name_is_there():
    assert tuple(ESTIMATORS) == BOUNDS
