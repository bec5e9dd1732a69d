"""The parity command: the rule of the weights, what counts as equal, and what it says of a folder that is not right."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from ann import ANN
from ann.checkpoints.keymap import KeyMap, rule
from graph.lower import lower
from graph.models import build
from tools.parity import __main__ as command
from tools.parity.cases import Case, Check, relative, spread
from tools.parity.fill import filled, weight
from tools.parity.run import measure

VECTORS = Path(__file__).parents[1] / "vectors" / "parity"
ROOT = Path(__file__).parents[2]


def toy(tolerance: float = 1e-5) -> Case:
    return Case(
        module=lambda size: lower(build("miavs", "micro"), ANN),
        keys=KeyMap("toy", (rule("(.*)", r"\1"),)),
        checks={"mask": Check(take=lambda outputs: outputs["mask"], tolerance=tolerance)},
        inputs=lambda random, size: {
            "image": torch.from_numpy(random.standard_normal((2, 3, size, size)).astype("f4")),
            "logmel": torch.from_numpy(random.standard_normal((2, 1, 96, 64)).astype("f4")),
        },
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Vectors of the toy, made with seed 3 at 32 pixels."""
    case = toy()
    module = case.module(32).eval()
    shapes = {key: list(value.shape) for key, value in module.state_dict().items()}
    module.load_state_dict(filled(shapes, 3))
    with torch.no_grad():
        outputs = module(**case.inputs(np.random.RandomState(3), 32))
    (tmp_path / "toy.keys.json").write_text(json.dumps(shapes))
    np.savez(tmp_path / "toy.npz", mask=outputs["mask"].numpy())
    return tmp_path


def test_weights_follow_the_rule_of_their_key() -> None:
    matrix = weight("head.fc.weight", (64, 128, 3, 3))
    assert matrix.std() == pytest.approx((128 * 9) ** -0.5, rel=0.01)
    assert weight("bn.weight", (4096,)).mean() == pytest.approx(1.0, abs=0.01)
    assert weight("bn.bias", (4096,)).std() == pytest.approx(0.1, rel=0.05)
    assert (weight("bn.running_var", (512,)) >= 1).all()
    assert weight("bn.num_batches_tracked", ()) == 0
    assert not torch.equal(weight("a.weight", (8,)), weight("b.weight", (8,)))
    assert not torch.equal(weight("a.weight", (8,)), weight("a.weight", (8,), seed=1))


def test_errors_are_relative_to_what_is_wanted() -> None:
    wanted = np.array([3.0, 4.0])
    assert relative(wanted * 1.1, wanted) == pytest.approx(0.1)
    assert spread(wanted + np.array([0.0, 0.2]), wanted) == pytest.approx(0.4)


def test_equal_networks_pass_and_another_seed_does_not(folder: Path) -> None:
    assert measure("toy", toy(), folder, 3, 32).passed
    assert not measure("toy", toy(), folder, 4, 32).passed


def test_nan_is_not_within(folder: Path) -> None:
    stored = np.load(folder / "toy.npz")["mask"].copy()
    stored[0, 0, 0, 0] = np.nan
    np.savez(folder / "toy.npz", mask=stored)
    assert not measure("toy", toy(tolerance=float("inf")), folder, 3, 32).passed


def test_exit_codes(folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setitem(command.CASES, "toy", toy())
    words = ["--vectors", str(folder), "--size", "32"]
    assert command.main([*words, "--seed", "3"]) == 0
    assert "all 1 within tolerance" in capsys.readouterr().out
    assert command.main([*words, "--seed", "0"]) == 1
    assert "above tolerance: toy" in capsys.readouterr().out


@pytest.mark.parametrize(("off", "code"), [(0.0, 0), (1e-7, 3), (1e-2, 1)])
def test_only_what_a_rounding_does_is_left_undecided(off, code, folder, monkeypatch, capsys) -> None:
    """The toy is no chaos: a rounding of its input moves it by some 1e-7."""
    monkeypatch.setitem(command.CASES, "toy", replace(toy(tolerance=1e-9), chaotic=True))
    stored = np.load(folder / "toy.npz")["mask"]
    np.savez(folder / "toy.npz", mask=stored * (1 + off))
    assert command.main(["--vectors", str(folder), "--size", "32", "--seed", "3"]) == code
    assert ("undecided: toy" in capsys.readouterr().out) == (code == 3)
    monkeypatch.setitem(command.CASES, "toy", toy(tolerance=1e-9))
    assert command.main(["--vectors", str(folder), "--size", "32", "--seed", "3"]) == min(code, 1)


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda f: (f / "toy.keys.json").unlink(), "has no NAME.keys.json in it"),
        (lambda f: (f / "toy.npz").unlink(), "toy.npz is missing"),
        (lambda f: (f / "toi.keys.json").write_text("{}"), "is 'toi', expected one of"),
        (lambda f: np.savez(f / "toy.npz", masks=np.zeros(3)), "has no array 'mask', expected one of masks"),
        (lambda f: np.savez(f / "toy.npz", mask=np.zeros(3)), "'mask' came out as (2, 1, 32, 32)"),
    ],
)
def test_a_folder_that_is_not_right_is_told(damage, said, folder, monkeypatch, capsys) -> None:
    monkeypatch.setitem(command.CASES, "toy", toy())
    damage(folder)
    assert command.main(["--vectors", str(folder), "--size", "32"]) == 2
    told = capsys.readouterr().err
    assert said in told and "Traceback" not in told


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(p.name.removesuffix(".keys.json") for p in VECTORS.glob("*.keys.json")))
def test_official_outputs(name: str) -> None:
    """In a process of its own: the vector instructions are chosen before torch is imported."""
    words = [sys.executable, "-m", "tools.parity", "--vectors", str(VECTORS), "--only", name]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=900)
    if done.returncode == 3:
        pytest.skip(f"this processor rounds otherwise than the one that made the vectors of {name}")
    assert done.returncode == 0, done.stdout + done.stderr
