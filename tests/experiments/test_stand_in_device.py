"""Nothing stays behind on the CPU: every mode that takes ``--device`` runs on a stand-in for a GPU, which does not mix
with it, and does all its work there."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path

import pytest
import torch
from lightning_fabric import Fabric
from lightning_fabric.accelerators import CPUAccelerator
from lightning_fabric.strategies import SingleDeviceStrategy

from avs.metrics import FMeasure
from convert.exactness import Exactness
from experiments import convert_mode, evaluate
from experiments.cli import checks, main
from experiments.network import load_run
from experiments.rates import mode as rates_mode
from experiments.run_folder import read_json
from experiments.training import fabric, loop
from experiments.training.criterion import Criterion
from graph.lower import where
from tests.stand_in import DEVICE, StandIn, WrongDevice

ROOT = Path(__file__).parents[2]
CLIPS = ("--data.train", "4", "--data.val", "1", "--data.test", "3", "--data.variant", "semantic")
# Every part of a run that has numbers of its own.
ALL = (
    *("--loss.ce", "1", "--information.weight", "0.1"),
    *("--train.ema", "0.9", "--train.validate", "1", "--train.result", "best"),
)
CONVERT = ("--curve", "1", "--calibrate.frames", "8", "--exact.frames", "1")
# What only networks, losses, metrics and updates of weights do; making and reading clips, which the CPU does, does not.
COMPUTES = {
    *("convolution", "convolution_backward", "addmm", "bmm", "native_batch_norm", "native_batch_norm_backward"),
    *("hardtanh", "grid_sampler_2d", "upsample_nearest2d", "upsample_bilinear2d", "lif", "normed_lif"),
    *("binary_cross_entropy_with_logits", "nll_loss2d_forward", "logsumexp", "addcdiv_", "_foreach_lerp_"),
    *("bucketize", "bincount", "masked_scatter", "__rshift__"),
}


class Accelerator(CPUAccelerator):
    """Fabric's side of the device: there is nothing to set up."""

    def setup_device(self, device): ...


class FabricHere(Fabric):
    """On the device, and moves nothing: what a run does not move itself stays behind."""

    def __init__(self, *, precision, **others):
        super().__init__(strategy=SingleDeviceStrategy(DEVICE, Accelerator()), precision=precision)

    def setup_module(self, module, move_to_device=False):
        return super().setup_module(module, move_to_device=False)


def autocast(kind, *args, before=torch.autocast, **options):
    return nullcontext() if kind == DEVICE.type else before(kind, *args, **options)


def known(name, before=checks.check):
    if name != str(DEVICE):
        before(name)


@pytest.fixture(autouse=True, scope="module")
def its_name():
    """May be on a command line, and in the settings of a run that is read."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(checks, "check", known)
        yield


def exact(reference, folder, frames, seed):
    """The event runner takes long, and is the CPU's always."""
    assert where(reference).type == "cpu" and {x.device.type for x in frames.values()} == {"cpu"}
    return Exactness(
        exact=True,
        frames=1,
        max_abs_difference=0.0,
        adds=(1,),
        deletion_changes=True,
        permutation_keeps=True,
        headroom=0.5,
        seconds_per_frame=1.0,
    )


def run(*arguments, code=0):
    """The command line on the device, which must have done all the work."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fabric, "Fabric", FabricHere)
        patch.setattr(torch, "autocast", autocast)
        patch.setattr(convert_mode, "check", exact)
        patch.setattr(evaluate, "COUNTERFACTUALS", ("other",))  # all are scored alike
        with StandIn() as device:
            assert main([*map(str, arguments), "--device", str(DEVICE)]) == code
    assert device.ran["convolution"]
    left = device.elsewhere.keys() & COMPUTES
    assert not left, f"{sorted(left)} ran on the CPU"
    return device


@pytest.fixture(scope="module")
def words(tmp_path_factory):
    """``words(config, name)``: the command line of a small run, and its folder."""
    base = tmp_path_factory.mktemp("stand-in")

    def written(mode, name, epochs=1, batch=20):
        config, folder = ROOT / "configs" / f"demo_{mode}.yaml", base / name
        common = ("--config", config, "--run", folder, "--data.cache", base / "cache", "--data.classes", 4, *CLIPS)
        return (*common, "--train.batch", batch, "--train.epochs", epochs), folder

    return written


@pytest.fixture(scope="module")
def ann(words):
    """Stopped and resumed."""
    line, folder = words("ann", "ann", batch=10)
    run(*line, *ALL, "--train.stop_after", "1")
    run(*line, *ALL, "--resume")
    return folder


@pytest.fixture(scope="module")
def snn(words):
    line, folder = words("lif", "snn")
    run(*line, "--neuron.steps", "2", "--train.rate_penalty", "0.1")
    return folder


@pytest.fixture(scope="module")
def converted(words, ann):
    line, folder = words("convert", "converted")
    run(*line, *CONVERT, "--from", ann)
    return folder


@pytest.mark.parametrize("name", ["ann", "snn", "converted"])
def test_a_run_is_made(name, request):
    folder = request.getfixturevalue(name)
    assert 0 < read_json(folder / "metrics.json")["semantic_miou"] < 1
    assert where(load_run(str(folder)).module).type == "cpu"


def test_energy_is_counted(ann, converted, tmp_path):
    run("--mode", "energy", "--runs", ann, converted, "--clips", "1", "--out", tmp_path)
    assert len(read_json(tmp_path / "energy.json")) == 2


def test_rates_are_counted(snn, tmp_path):
    run("--mode", "rates", "--run", snn, "--clips", "1", "--out", tmp_path)
    assert (tmp_path / "snn-rates.csv").exists()


def test_a_loss_that_is_no_number_is_told_and_replayed(words, capsys):
    line, folder = words("ann", "broken", batch=10)
    run(*line, *ALL, "--train.lr", "1e30", "--train.warmup", "0", code=2)
    assert "first not finite: " in capsys.readouterr().err
    again, _ = words("ann", "again")
    run(*again, *ALL, "--replay", folder / "bad-step-2.pt")
    assert "step 2 again: " in capsys.readouterr().out


def same(x, *others):
    return x


# What is left out -> the mode in which it must be noticed, and its further words.
FAULTS = {
    "a training batch is not moved": ((loop, "moved"), "ann", ()),
    "the critic is not moved": ((Criterion, "to"), "ann", ALL),
    "a metric is not moved": ((FMeasure, "to"), "untrained", ()),
    "a batch to calibrate is not moved": ((convert_mode, "moved"), "convert", ()),
    "a network to watch is not moved": ((rates_mode, "placed"), "rates", ()),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_what_stays_behind_is_noticed(fault, words, ann, converted, tmp_path, monkeypatch):
    (owner, name), mode, more = FAULTS[fault]
    if mode == "rates":
        line = ("--mode", "rates", "--run", converted, "--clips", "1", "--out", tmp_path)
    elif mode == "convert":
        line = (*words("convert", fault)[0], *CONVERT, "--from", ann)
    else:
        line = words("ann", fault, epochs=int(mode == "ann"))[0]
    monkeypatch.setattr(owner, name, same)
    with pytest.raises((WrongDevice, AssertionError), match="expected all on|ran on the CPU"):
        run(*line, *more)
