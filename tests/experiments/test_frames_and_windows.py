"""Frames to calibrate by; and a network that looks at several in a row goes all the way: trained to priced."""

from __future__ import annotations

import pandas as pd
import pytest
import torch

from avs.chimes import ChimesSpec, generate
from experiments.cli import main
from experiments.frames import first_frames
from experiments.run_folder import read_json


def test_one_frame_of_each_of_the_first_clips():
    clips = generate(ChimesSpec(), "train", 3)
    found = first_frames(clips, 5)
    wanted = clips.frame_batch(torch.tensor([0, 1, 2, 0, 1]), torch.tensor([0, 1, 2, 3, 4]))
    assert found.keys() == {"image", "logmel"} and all(torch.equal(found[k], wanted[k]) for k in found)


@pytest.mark.parametrize(("count", "windows"), [(1, 1), (5, 1), (6, 2), (20, 4)])
def test_windows_are_frames_in_a_row(count, windows):
    clips = generate(ChimesSpec(), "train", 3)
    found = first_frames(clips, count, 5)
    wanted = clips.frame_batch(torch.arange(windows).repeat_interleave(5) % 3, torch.arange(5).repeat(windows))
    assert len(found["image"]) == 5 * windows and torch.equal(found["image"], wanted["image"])


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_network_of_windows_goes_all_the_way(small):
    """QSD looks at five frames at once. Nothing that is asked for is a multiple of five."""
    model = ("--model.name", "qsd", "--model.spec", "tiny", "--loss.dice", "1")
    ann = small("ann", "qsd", *model)
    options = ("--exact.frames", "2", "--exact.settle", "1", "--curve", "1", "--calibrate.frames", "7")
    run = small("convert", "qsd-snn", "--from", str(ann), *options, *model, "--spikes.score", "linear")
    metrics, layers = read_json(run / "metrics.json"), pd.read_csv(run / "layers.csv")
    assert metrics["event_runner"]["exact"] and metrics["event_runner"]["frames"] == 5
    assert metrics["settled"]["exact"] and (layers["kind"] == "site").sum() > 50
    assert main(["--mode", "rates", "--run", str(run), "--clips", "1"]) == 0
    assert main(["--mode", "energy", "--runs", str(ann), str(run), "--clips", "1", "--out", str(run / "energy")]) == 0
