"""``--mode doctor`` says which kernels are used and why; a wrong wish is a sentence, before any mode starts."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

import main as command
from kernels import cpu_backend
from kernels.kept import CompileError
from kernels.selection import VARIABLE, _select
from tools.doctor_report import findings


@pytest.fixture(autouse=True)
def fresh(monkeypatch):
    monkeypatch.delenv(VARIABLE, raising=False)
    _select.cache_clear()
    yield
    _select.cache_clear()


def test_it_says_what_is_active_and_why(monkeypatch):
    found = dict(findings())
    assert found["kernels on cpu"].startswith("cpu: ") and "builds are kept in" in found["compiler"]
    monkeypatch.setattr(cpu_backend, "compiler", lambda: None)
    _select.cache_clear()
    found = dict(findings())
    assert found["kernels on cpu"].startswith("torch: no C++ compiler was found") and found["compiler"] == "none"
    monkeypatch.setenv(VARIABLE, "torch")
    assert dict(findings())["kernels on cpu"].startswith(f"torch: {VARIABLE}=torch")


@pytest.mark.parametrize(("wish", "sentence"), [("fast", "one of torch, cpu, cupy"), ("cpu", "no C++ compiler")])
def test_a_wish_that_cannot_be_granted(monkeypatch, capsys, wish, sentence):
    monkeypatch.setattr(cpu_backend, "compiler", lambda: None)
    monkeypatch.setenv(VARIABLE, wish)
    assert command.main(["--mode", "doctor"]) == 2
    said = capsys.readouterr()
    assert f"{VARIABLE} is '{wish}'" in said.err and sentence in said.err and not said.out


def test_a_compiler_that_is_none(monkeypatch):
    monkeypatch.setattr(cpu_backend, "compiler", lambda: "/bin/false")
    found = dict(findings())
    assert found["kernels on cpu"].startswith("torch: /bin/false does not answer --version") and found["compiler"]


def test_a_compiler_that_refuses_is_a_sentence(monkeypatch, capsys):
    def refuse(settings):
        raise CompileError("g++ could not compile lif.cu:\nno such option")

    monkeypatch.setattr(command, "DOCTOR", replace(command.DOCTOR, run=refuse))
    assert command.main(["--mode", "doctor"]) == 2
    said = capsys.readouterr().err
    assert said == "g++ could not compile lif.cu: no such option; SPIKEAVS_KERNELS=torch does without\n"


def test_it_loads_no_more_than_it_looks_at():
    """It answers in the time that torch takes; the libraries of training and scoring would take as long again."""
    unused = ("torchmetrics", "torchaudio", "torchvision", "lightning_fabric", "timm", "matplotlib", "spikingjelly")
    code = f"""
import contextlib, io, sys, main
with contextlib.redirect_stdout(io.StringIO()):
    assert main.main(["--mode", "doctor"]) == 0
print([name for name in {unused} if name in sys.modules])
"""
    ended = subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[2], capture_output=True, text=True)
    assert ended.stdout == "[]\n", ended.stderr
