"""Official keys become ours strictly: nothing unknown, twice, left empty, or of the wrong shape."""

from __future__ import annotations

import pytest
import torch

from ann.checkpoints.keymap import KeyMap, Part, rule, thirds, translate

KEYS = KeyMap(
    "toy",
    (
        rule(r"head\.in_proj_weight", *thirds("attn.", "weight")),
        rule(r"head\.pair\.weight", Part("left.weight", 0, 2, 1), Part("right.weight", 1, 2, 1)),
        rule(r"head\.(\d)\.bias", r"layers.\1.bias"),
    ),
    unused=((r"dead\..*", "never run"),),
)
OURS = {
    **{f"attn.{n}_proj.weight": torch.empty(2, 4) for n in "qkv"},
    "left.weight": torch.empty(3, 1),
    "right.weight": torch.empty(3, 1),
    "layers.7.bias": torch.empty(5),
    "layers.7.num_batches_tracked": torch.empty(()),
}


def official() -> dict[str, torch.Tensor]:
    return {
        "head.in_proj_weight": torch.arange(24.0).reshape(6, 4),
        "head.pair.weight": torch.arange(6.0).reshape(3, 2),
        "head.7.bias": torch.arange(5.0).reshape(1, 5, 1),
        "dead.weight": torch.ones(9),
    }


def test_packed_tensors_are_cut_and_dead_ones_explained() -> None:
    found = translate(official(), KEYS, OURS)
    assert torch.equal(found.state["attn.k_proj.weight"], torch.arange(8.0, 16.0).reshape(2, 4))
    assert found.state["right.weight"].flatten().tolist() == [1, 3, 5]
    assert found.state["layers.7.bias"].shape == (5,)  # axes of length one may differ
    assert found.unused == {"dead.weight": "never run"} and len(found.loaded) == 3
    assert found.summary == "3 official tensors loaded; 1 unused: never run"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"head.in_proj_wieght": torch.ones(1)}, "'head.in_proj_wieght' is unknown to 'toy'"),
        ({"head.8.bias": torch.ones(5)}, "'head.8.bias' is unknown to 'toy'; nearest of ours: 'layers.7.bias'"),
        ({"head.7.bias": torch.ones(4)}, r"'head.7.bias' has shape \(4,\), expected \(5,\) for 'layers.7.bias'"),
    ],
)
def test_a_strange_key_is_told_with_the_nearest_of_ours(change: dict[str, torch.Tensor], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        translate(official() | change, KEYS, OURS)


def test_a_key_of_ours_that_nothing_fills_is_told() -> None:
    given = official()
    del given["head.7.bias"]
    with pytest.raises(ValueError, match="leaves 1 of 7 keys of 'toy' empty, first 'layers.7.bias'"):
        translate(given, KEYS, OURS)


def test_nothing_is_filled_twice() -> None:
    twice = KeyMap("toy", (*KEYS.rules, rule(r"other\.bias", "layers.7.bias")), KEYS.unused)
    with pytest.raises(ValueError, match="fills 'layers.7.bias' a second time"):
        translate(official() | {"other.bias": torch.ones(5)}, twice, OURS)
