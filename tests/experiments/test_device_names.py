"""A GPU that cannot be there is not asked for through torch; one that may be there is."""

from __future__ import annotations

import pytest
import torch

from experiments import cli, device_names
from experiments.cli import checks
from experiments.errors import UserError


@pytest.mark.parametrize("there", [True, False])
def test_torch_has_the_last_word(there, monkeypatch):
    monkeypatch.setattr(device_names, "_driver", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: there)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert device_names.cuda_devices() == (2 if there else 0)


def test_without_a_driver_torch_is_not_asked(monkeypatch, tmp_path):
    def refuse():
        raise AssertionError("asked")

    monkeypatch.setattr(device_names, "DRIVER", "libnothing.so.1")
    monkeypatch.setattr(device_names, "version", lambda name: "2.11.0")
    monkeypatch.setattr(torch.cuda, "is_available", refuse)
    assert device_names.cuda_devices() == 0
    with pytest.raises(UserError, match="device is 'cuda', but torch finds no CUDA device here"):
        cli.parse(["--mode", "ann", "--device", "cuda", "--run", str(tmp_path / "run")])
    assert cli.parse(["--mode", "ann", "--device", "auto", "--run", str(tmp_path / "run")]).device == "auto"


def test_a_torch_for_other_gpus_needs_no_such_driver(monkeypatch):
    monkeypatch.setattr(device_names, "DRIVER", "libnothing.so.1")
    monkeypatch.setattr(device_names, "version", lambda name: "2.11.0+rocm6.4")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    assert device_names.cuda_devices() == 1


@pytest.mark.parametrize(
    "words, sentence",
    [
        ("--device cuda:2", "there are 2 CUDA devices, expected cuda:0 to cuda:1"),
        ("--device cuda:0 --fabric.devices 2", "expected 'cuda' for more than one"),
        ("--device cuda --fabric.devices 3", "fabric.devices is 3, expected 1 to 2, the CUDA devices of this machine"),
        ("--device cpu --fabric.precision 16-mixed", "fabric.precision is '16-mixed' on a CPU, expected 'bf16-mixed'"),
    ],
)
def test_more_than_the_machine_has_is_said(words, sentence, monkeypatch, tmp_path):
    monkeypatch.setattr(checks, "cuda_devices", lambda: 2)
    with pytest.raises(UserError, match=sentence):
        cli.parse(["--mode", "ann", "--run", str(tmp_path / "run"), *words.split()])


def test_what_the_machine_has_is_taken(monkeypatch, tmp_path):
    monkeypatch.setattr(checks, "cuda_devices", lambda: 2)
    words = ["--mode", "ann", "--run", str(tmp_path / "run"), "--device", "cuda", "--fabric.devices", "2"]
    assert cli.parse([*words, "--fabric.precision", "16-mixed"]).fabric.devices == 2
    assert cli.parse(["--mode", "energy", "--runs", *_runs(tmp_path), "--device", "cuda:1"]).device == "cuda:1"


def _runs(folder):
    for name in ("a", "b"):
        (folder / name).mkdir()
        (folder / name / "config.yaml").write_text("mode: ann\n")
    return str(folder / "a"), str(folder / "b")
