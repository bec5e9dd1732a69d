"""Which frames a step reads: each once an epoch, another order in each, and every process its own part."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from experiments.errors import UserError
from experiments.training.order import Order, Share, units
from tests.trainers import FRAMES, random_clips


def pairs(frames: tuple[torch.Tensor, torch.Tensor]) -> list[tuple[int, int]]:
    return list(zip(*(part.tolist() for part in frames), strict=True))


def test_an_epoch_reads_every_frame_once_and_the_next_one_in_another_order():
    order = Order(random_clips(6), 3, seed=0)
    epochs = [
        [pair for step in range(e * 4, e * 4 + 4) for pair in pairs(order.part(step, 0, Share()))] for e in (0, 1)
    ]
    everything = sorted((clip, frame) for clip in range(6) for frame in range(FRAMES))
    assert sorted(epochs[0]) == sorted(epochs[1]) == everything
    assert epochs[0] != epochs[1]


def test_a_seed_is_another_order_and_the_same_seed_the_same():
    first, again, other = (Order(random_clips(6), 3, seed=seed) for seed in (0, 0, 1))
    assert first.units_at(5).equal(again.units_at(5))
    assert any(not first.units_at(step).equal(other.units_at(step)) for step in range(4))


@given(st.integers(1, 4), st.integers(1, 3), st.integers(1, 3), st.sampled_from([1, 2]), st.integers(0, 9))
def test_processes_share_a_step_without_remainder(world, accumulate, each, window, step):
    """No frame is read by two, none by nobody; and what a step reads does not depend on how many share it."""
    clips = random_clips(world * accumulate * each * 2)
    order = Order(clips, world * accumulate * each * window, seed=3, window=window)
    order.check(Share(0, world, accumulate))
    alone = pairs(order.part(step, 0, Share()))
    shares = [Share(rank, world, accumulate) for rank in range(world)]
    together = [pair for share in shares for part in range(accumulate) for pair in pairs(order.part(step, part, share))]
    assert len(set(together)) == len(together)
    assert sorted(together) == sorted(alone)


def test_windows_stay_whole():
    clip_idx, first = units(random_clips(3), 2)
    assert pairs((clip_idx, first)) == [(0, 0), (1, 0), (2, 0)]
    order = Order(random_clips(4), 4, seed=0, window=2)
    for clip, frame in pairs(order.part(0, 0, Share()))[::2]:
        assert frame == 0 and (clip, 1) in pairs(order.part(0, 0, Share()))


def test_a_serial_number_counts_what_was_read_before():
    order = Order(random_clips(8), 4, seed=0)
    share = [Share(rank, 2, 2) for rank in (0, 1)]
    numbers = [order.serial(1, part, share[rank]) for part in (0, 1) for rank in (0, 1)]
    assert numbers == [4, 5, 6, 7]


def test_a_batch_that_cannot_be_shared_is_said_with_what_could():
    with pytest.raises(
        UserError, match=r"train.batch is 4 frames .* 3 processes cannot share, expected a multiple of 3"
    ):
        Order(random_clips(8), 4, seed=0).check(Share(0, 3))
    with pytest.raises(UserError, match=r"2 processes x accumulate 3 cannot share, expected a multiple of 6"):
        Order(random_clips(8), 4, seed=0).check(Share(0, 2, 3))
