"""The mIoU that deployment may lose, on a network that has learnt something: a wrong grid is not called exact."""

from __future__ import annotations

import pytest
import torch

from convert import snap as snapping
from experiments.cli import main
from experiments.convert_mode import deploy, exactness, narrowed
from experiments.dataset import split
from experiments.evaluate import score
from experiments.frames import first_frames
from experiments.network import for_inference, load_run
from experiments.run_folder import read_json


@pytest.fixture(scope="module")
def learnt(tmp_path_factory):
    """An SNN whose mIoU is well above an untrained network's."""
    base = tmp_path_factory.mktemp("learnt")
    common = ["--data.train", "300", "--data.val", "4", "--data.test", "30", "--data.cache", str(base / "cache")]
    ann = ["--mode", "ann", "--config", "configs/demo_ann.yaml", "--train.epochs", "6"]
    assert main([*ann, "--run", str(base / "ann"), *common]) == 0
    snn = [
        "--mode",
        "convert",
        "--config",
        "configs/demo_convert.yaml",
        "--train.epochs",
        "2",
        "--from",
        str(base / "ann"),
    ]
    assert main([*snn, "--run", str(base / "snn"), "--exact.frames", "1", "--curve", "1", *common]) == 0
    return base / "snn"


def few_bits(x, bits):
    return (x.double() * 4).round().to(x.dtype) / 4


def downwards(x, bits):
    return ((x.double() * 2**bits).floor() - 2 ** (bits - 3)).to(x.dtype) / 2**bits


def clamped(name, site, bits, right=snapping._snap_site):
    site.upper.clamp_(-0.25, 0.25)
    right(name, site, bits)


MUTANTS = {"few bits": ("to_grid", few_bits), "downwards": ("to_grid", downwards), "clamped": ("_snap_site", clamped)}


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_wrong_grid_is_not_called_exact(learnt, tmp_path, monkeypatch, capsys):
    from convert.fidelity import fidelity
    from convert.fold import fold_network

    metrics, run = read_json(learnt / "metrics.json"), load_run(str(learnt))
    assert metrics["miou"] > 0.5 and metrics["exact"] is True and metrics["weight_bits"] == 8
    settings, trained = run.settings, for_inference(run.module)
    frames, test = first_frames(split(settings.data, "val"), 16), split(settings.data, "test")
    for mutant, (name, wrong) in MUTANTS.items():
        with monkeypatch.context() as patch:
            patch.setattr(snapping, name, wrong)
            deployed, reason = deploy(trained, settings, tmp_path / mutant.replace(" ", "_"))
        assert not reason
        lost = metrics["miou_trained"] - score(deployed, test).miou
        stages = [trained, fold_network(trained), narrowed(trained, settings), deployed]
        kept = fidelity(stages, frames, lost=lost)
        said = exactness(deployed, settings, tmp_path / mutant.replace(" ", "_"), reason, kept)
        assert said["exact"] is False and lost > 0.01, (mutant, lost)
        assert "of mIoU are lost by deployment" in said["why_not_exact"]
        assert torch.isfinite(torch.tensor(kept.grid))
