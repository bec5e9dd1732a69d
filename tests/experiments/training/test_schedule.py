"""The rate of every update, as the scheduler of torch gives it to the optimizer."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from experiments.settings import TrainSettings
from experiments.training.optimizer import scheduler_of
from experiments.training.schedule import SCHEDULES, rate_factor


def rates(train: TrainSettings, total: int) -> list[float]:
    """Of each update of a training."""
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=train.lr)
    scheduler, used = scheduler_of(optimizer, total, train), []
    for _ in range(total):
        used.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return used


def test_warm_up_rises_in_equal_steps_and_its_last_update_has_the_peak():
    train = TrainSettings(lr=1.0, warmup=0.25, schedule="constant")
    assert rates(train, 16) == pytest.approx([0.25, 0.5, 0.75, 1.0, *[1.0] * 12])


def test_cosine_falls_from_the_peak_after_the_warm_up():
    train = TrainSettings(lr=2.0, warmup=0.2, schedule="cosine")
    expected = [1.0, 2.0, *(2 * (0.01 + 0.99 * (1 + math.cos(math.pi * t / 8)) / 2) for t in range(8))]
    assert rates(train, 10) == pytest.approx(expected)


def test_poly_without_warm_up():
    train = TrainSettings(lr=1.0, warmup=0.0, schedule="poly")
    assert rates(train, 4) == pytest.approx([1.0, 0.75**0.9, 0.5**0.9, 0.25**0.9])


@given(st.sampled_from(sorted(SCHEDULES)), st.integers(1, 300), st.floats(0, 1))
def test_never_above_the_peak_and_never_negative(schedule, total, warmup):
    train = TrainSettings(schedule=schedule, warmup=warmup)
    factors = [rate_factor(step, total, train) for step in range(total + 1)]
    assert all(0 <= factor <= 1 for factor in factors)
    assert max(factors) == pytest.approx(1.0)
