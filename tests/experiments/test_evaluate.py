"""Scores of networks whose answer is known: one that sees the truth, one that says nothing, one that says all."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from avs.chimes import ChimesSpec, generate
from experiments.evaluate import counterfactual, score
from experiments.settings import TrainSettings
from experiments.training.schedule import rate_factor


@pytest.fixture(scope="module")
def clips():
    return generate(ChimesSpec(), "val", 12)


class Constant(nn.Module):
    def __init__(self, value: float) -> None:
        super().__init__()
        self.value = value

    def forward(self, image, logmel):
        return {"mask": torch.full((len(image), 1, *image.shape[-2:]), self.value)}


class Oracle(nn.Module):
    """Answers with the masks of the split in order, whatever it hears."""

    def __init__(self, clips) -> None:
        super().__init__()
        self.masks, self.at = clips.masks.flatten(0, 1), 0

    def forward(self, image, logmel):
        found = self.masks[self.at : self.at + len(image)]
        self.at += len(image)
        return {"mask": (found > 0).float()[:, None] * 20 - 10}


def test_truth_scores_one_and_silence_zero(clips):
    truth = score(Oracle(clips), clips)
    assert truth.miou == pytest.approx(1.0, abs=1e-6)
    assert truth.fscore == pytest.approx(1.0, abs=1e-6)
    assert truth.per_clip.shape == (12,)
    assert score(Constant(-10.0), clips).miou == 0.0


def test_a_deaf_network_scores_alike_under_any_sound_on_the_old_mask(clips):
    loud = Constant(10.0)
    assert counterfactual(loud, clips, "other") == pytest.approx(score(loud, clips).miou, abs=1e-6)
    assert counterfactual(loud, clips, "swap") != pytest.approx(score(loud, clips).miou, abs=1e-3)


def test_learning_rate_warms_up_then_falls():
    train = TrainSettings(warmup=0.1)
    rates = [rate_factor(s, 100, train) for s in range(100)]
    assert rates[0] == pytest.approx(0.1)
    assert max(rates) == pytest.approx(1.0)
    assert rates.index(max(rates)) in (9, 10)
    assert rates[10:] == sorted(rates[10:], reverse=True)
    assert 0.01 <= rates[-1] < 0.02
