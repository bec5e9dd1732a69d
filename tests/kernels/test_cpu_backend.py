"""Building for the CPU: the cache and its key, two builders at once, a compiler that refuses or is not there."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from kernels import cpu_backend
from kernels.arguments import packed
from kernels.dynamics import Dynamics
from kernels.kept import CompileError
from kernels.layout import Cut
from kernels.lif_form import Form
from kernels.source import Build, text_of

ROOT = Path(__file__).parents[2]


def form(steps: int = 2) -> Form:
    return Form(device="cpu", dtype=torch.float32, steps=steps, cut=Cut(0, 1, 8, 1))


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("SPIKEAVS_CACHE", str(tmp_path))
    return tmp_path / "kernels"


def test_a_build_is_made_once(folder, monkeypatch):
    what = form().build(Dynamics())
    first = cpu_backend.build(what)
    assert [p.name for p in folder.iterdir()] == [first.name], "nothing is left beside the library"
    written = first.stat().st_mtime_ns
    monkeypatch.setattr(subprocess, "run", lambda *a, **k: pytest.fail("compiled again"))
    assert cpu_backend.build(what) == first and first.stat().st_mtime_ns == written


def test_the_key_knows_source_constants_flags_and_compiler(monkeypatch):
    what = form().build(Dynamics())
    keys = {what.key(), what.key("g++ 12"), what.key("g++ 13"), form(3).build(Dynamics()).key()}
    keys.add(form().build(Dynamics(reset="hard")).key())
    assert len(keys) == 5
    changed = Build("io.h", what.kernels, what.constants)
    assert changed.key() not in keys
    usual = cpu_backend.flags()
    monkeypatch.setenv("SPIKEAVS_CXXFLAGS", "-O0 -g")
    assert cpu_backend.flags() == (*usual, "-O0", "-g")


@pytest.mark.parametrize(("found", "flag"), [("AVX512", "-march=x86-64-v4"), ("AVX2", "-march=x86-64-v3")])
def test_the_instruction_set_is_the_machines(monkeypatch, found, flag):
    monkeypatch.setattr("platform.machine", lambda: "x86_64")
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: found)
    assert flag in cpu_backend.flags()
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "DEFAULT")
    assert not [f for f in cpu_backend.flags() if "march" in f]
    monkeypatch.setattr("platform.machine", lambda: "aarch64")
    assert not [f for f in cpu_backend.flags() if f.startswith("-m")]


RACE = """
import sys, torch
from kernels.dynamics import Dynamics
from kernels.ops import lif
sys.stdin.readline()
print(lif(torch.full((2, 5), 3.0), Dynamics()).sum().item())
"""


def test_two_processes_build_at_once(folder):
    start = [sys.executable, "-c", RACE]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    both = [subprocess.Popen(start, cwd=ROOT, **pipes) for _ in range(2)]
    for process in both:  # both are past their imports when the first line arrives
        process.stdin.write("go\n")
        process.stdin.flush()
    for process in both:
        out, err = process.communicate(timeout=120)
        assert process.returncode == 0, err
        assert out.strip() == "10.0"
    assert len(list(folder.iterdir())) == 1


def test_a_refusal_says_what_the_compiler_said(folder):
    bad = Build("lif.cu", ("lif_forward",), (("STEPS", "nonsense"),))
    with pytest.raises(CompileError, match=r"could not compile lif\.cu:[\s\S]*error"):
        cpu_backend.build(bad)
    assert not list(folder.iterdir()), "nothing half-written stays"


def test_without_a_compiler(monkeypatch):
    monkeypatch.setattr(cpu_backend, "compiler", lambda: None)
    with pytest.raises(CompileError, match=r"no C\+\+ compiler was found \(g\+\+, c\+\+ or \$CXX\)"):
        cpu_backend.build(form(1).build(Dynamics()))


def test_errors_point_into_the_source():
    text = text_of("lif.cu").splitlines()
    assert text[0] == '#line 1 "lif.cu"' and '#line 1 "io.h"' in text
    assert not [line for line in text if line.startswith('#include "')]
    marker = text.index(next(line for line in text if line.startswith("struct Sum")))
    resume = max(n for n, line in enumerate(text[:marker]) if line.startswith("#line"))
    number = int(text[resume].split()[1]) + marker - resume - 1
    assert (ROOT / "kernels" / "lif.cu").read_text().splitlines()[number - 1] == text[marker]


def test_arguments_take_eight_bytes_each():
    x = torch.zeros(3)
    found = packed((x, None, 7, -1, 0.5))
    assert len(found) == 5 * 8
    assert int.from_bytes(found[:8], sys.byteorder) == x.data_ptr() and found[8:16] == bytes(8)
    assert int.from_bytes(found[24:32], sys.byteorder, signed=True) == -1
