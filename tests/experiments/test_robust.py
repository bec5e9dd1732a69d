"""Sounds of nothing in view: what they are, and what a run's scores under them say."""

from __future__ import annotations

import json

import pytest
import torch

from avs.chimes import ChimesSpec, generate
from avs.counterfactual import SILENCE
from avs.normalise import logmel_to_grid
from avs.robust import CONDITIONS, AreaMeter, combined, under
from experiments.cli import main
from experiments.robust_mode import scores


@pytest.fixture(scope="module")
def clips():
    return generate(ChimesSpec(), "test", 24)


def every(clips):
    frames = clips.frames_per_clip
    return torch.arange(len(clips)).repeat_interleave(frames), torch.arange(frames).repeat(len(clips))


@pytest.mark.parametrize("condition", CONDITIONS)
def test_only_the_sound_is_another(clips, condition):
    at = every(clips)
    ours, theirs = under(clips, condition).frame_batch(*at), clips.frame_batch(*at)
    assert theirs.pop("heard").shape[0] == len(at[0]) and ours.keys() == theirs.keys(), "names are of its own sound"
    for name, x in theirs.items():
        assert torch.equal(x, ours[name]) == (name != "logmel")
    assert torch.equal(ours["logmel"], under(clips, condition).frame_batch(*at)["logmel"]), "the same every time"
    assert ours["logmel"].shape == theirs["logmel"].shape


def test_silence_noise_and_shift(clips):
    at = every(clips)
    silence = under(clips, "silence").frame_batch(*at)["logmel"]
    assert (silence == logmel_to_grid(torch.tensor(SILENCE))).all()
    noise = under(clips, "noise").frame_batch(*at)["logmel"]
    assert noise.mean() > silence.mean() + 1 and noise.flatten(1).unique(dim=0).shape[0] == len(noise)
    assert not torch.equal(noise, under(clips, "noise", seed=1).frame_batch(*at)["logmel"])
    shift = under(clips, "shift").frame_batch(torch.tensor([3]), torch.tensor([4]))["logmel"]
    assert torch.equal(shift, clips.frame_batch(torch.tensor([3]), torch.tensor([1]))["logmel"])


def test_off_screen_is_not_in_view(clips):
    heard = clips.sounding_classes(5)
    own, at = clips.frame_batch(*every(clips))["logmel"], every(clips)
    off = under(clips, "off_screen").frame_batch(*at)["logmel"]
    for clip, frame, sound in zip(*at, off, strict=True):
        donors = (own == sound).flatten(1).all(1).nonzero()[:, 0]
        assert len(donors), "it is some frame's sound"
        view = set(clips.classes[clip].tolist()) - {-1}
        sounds = [set(heard[d // 5, d % 5].nonzero()[:, 0].tolist()) for d in donors.tolist()]
        assert any(s and not s & view for s in sounds), (clip, frame)


class Everything(torch.nn.Module):
    """Marks the left half, whatever it sees and hears."""

    def forward(self, image, logmel):
        mask = torch.full((len(image), 1, *image.shape[2:]), -1.0)
        mask[..., : image.shape[3] // 2] = 1
        return {"mask": mask}


class Listens(torch.nn.Module):
    """Marks the left half where it hears anything at all."""

    def forward(self, image, logmel):
        loud = logmel.flatten(1).amax(1) > float(logmel_to_grid(torch.tensor(SILENCE))) + 0.1
        mask = torch.full((len(image), 1, *image.shape[2:]), -1.0)
        mask[loud, :, :, : image.shape[3] // 2] = 1
        return {"mask": mask}


def test_scores_of_networks_that_are_known(clips, monkeypatch):
    monkeypatch.setattr("experiments.evaluate.where", lambda module: torch.device("cpu"))
    deaf, listens = (scores(network(), clips, 0, "x") for network in (Everything, Listens))
    assert [deaf["sounds"][c]["area"] for c in ("silence", "noise", "off_screen")] == [0.5] * 3
    assert deaf["g_fpr"] == 0.5 and deaf["sounds"]["shift"]["miou"] == deaf["sounds"]["right"]["miou"]
    assert listens["sounds"]["silence"]["area"] == 0 and listens["sounds"]["noise"]["area"] == 0.5
    assert listens["g_fpr"] == pytest.approx(1 / 3)
    assert deaf["g_miou"] < combined(deaf["sounds"]["right"]["miou"], 1 / 3)
    assert combined(0.8, 0.0) == pytest.approx(2 * 0.8 / 1.8) and combined(0.0, 1.0) == 0.0
    assert AreaMeter().compute() == {"area": 0.0}


def test_from_the_command_line(converted_run, tmp_path, capsys):
    out = tmp_path / "r.json"
    assert main(["--mode", "robust", "--run", str(converted_run), "--clips", "6", "--out", str(out)]) == 0
    found, text = json.loads(out.read_text()), capsys.readouterr().out
    assert set(found["sounds"]) == {"right", *CONDITIONS} and found["clips"] == 6
    assert "off_screen" in text and "g_miou" in text
    assert main(["--mode", "robust", "--run", str(converted_run), "--out", str(tmp_path / "no" / "r.json")]) == 2
    assert "there is no folder" in capsys.readouterr().err
    assert main(["--mode", "robust", "--run", str(converted_run), "--clips", "1", "--out", str(out)]) == 2
    assert "--clips is 1:" in capsys.readouterr().err
