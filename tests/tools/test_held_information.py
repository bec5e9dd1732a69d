"""A fresh critic finds what two sides have in common on clips that it has not seen, and nothing where there is none."""

from __future__ import annotations

import math

import pytest
import torch

from tools import held_information
from tools.held_information import Features, nats

KINDS = 4


def drawn(clips: int, seed: int, noise: float) -> Features:
    """Each clip is one of four kinds; its pixels and its sound both show which, in codes of their own."""
    random = torch.Generator().manual_seed(seed)
    codes = torch.Generator().manual_seed(99)
    seen, heard = (torch.randn(KINDS, 6, generator=codes) * 2 for _ in range(2))
    kind = torch.randint(KINDS, (clips,), generator=random).repeat_interleave(5)
    pixels = seen[kind][:, :, None, None] + noise * torch.randn(len(kind), 6, 4, 4, generator=random)
    sound = heard[kind] + noise * torch.randn(len(kind), 6, generator=random)
    return Features(pixels, sound, torch.ones(len(kind), 8, 8), torch.arange(clips).repeat_interleave(5))


@pytest.fixture(autouse=True)
def short(monkeypatch):
    monkeypatch.setattr(held_information, "STEPS", 200)


def test_what_is_common_is_found_on_clips_never_seen():
    assert 0.8 * math.log(KINDS) < nats(drawn(60, 0, 0.3), drawn(60, 1, 0.3)) < math.log(KINDS) + 0.1


def test_permuted_sounds_have_nothing_in_common():
    random = torch.Generator().manual_seed(0)
    train, test = (drawn(60, seed, 0.3).permuted(random) for seed in (0, 1))
    assert nats(train, test) < 0.1


def test_a_permutation_leaves_no_clip_its_own_sound():
    of = drawn(7, 0, 0.1)
    other = of.permuted(torch.Generator().manual_seed(1))
    assert not (other.sound == of.sound).all(1).any() and torch.equal(other.pixels, of.pixels)
