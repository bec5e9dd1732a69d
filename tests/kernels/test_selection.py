"""Which implementation a device gets, and why: said, and never changed behind the user's back."""

from __future__ import annotations

import logging

import pytest
import torch

from graph.neuron import Neuron
from kernels import cpu_backend, cupy_backend, selection
from kernels.selection import VARIABLE, Selection
from snn.native import NativeNeurons


@pytest.fixture(autouse=True)
def fresh(monkeypatch):
    monkeypatch.delenv(VARIABLE, raising=False)
    selection._select.cache_clear()
    yield
    selection._select.cache_clear()


@pytest.fixture
def machine(monkeypatch):
    """A machine with or without a compiler, a GPU and CuPy."""

    def make(compiler: bool, gpu: bool, cupy: bool) -> None:
        monkeypatch.setattr(cpu_backend, "compiler", lambda: "/usr/bin/g++" if compiler else None)
        monkeypatch.setattr(torch.cuda, "is_available", lambda: gpu)
        monkeypatch.setattr(cupy_backend, "missing", lambda: None if cupy else "CuPy is not installed")

    return make


def test_the_quickest_that_is_there(machine):
    machine(compiler=True, gpu=True, cupy=True)
    assert [selection.selection(d).backend for d in ("cpu", "cuda", "mps")] == ["cpu", "cupy", "torch"]


@pytest.mark.parametrize(
    ("has", "device", "why"),
    [
        ({"compiler": False, "gpu": True, "cupy": True}, "cpu", "no C++ compiler was found"),
        ({"compiler": True, "gpu": False, "cupy": True}, "cuda", "torch sees no CUDA device"),
        ({"compiler": True, "gpu": True, "cupy": False}, "cuda", "CuPy is not installed"),
    ],
)
def test_what_is_missing_is_said(machine, caplog, has, device, why):
    machine(**has)
    with caplog.at_level(logging.INFO, "kernels"):
        chosen = selection.selection(device)
    assert chosen.backend == "torch" and why in chosen.why and not chosen.compiled
    assert f"kernels on {device}: torch ({chosen.why})" in caplog.text


def test_the_variable_overrides(machine, monkeypatch):
    machine(compiler=True, gpu=True, cupy=True)
    monkeypatch.setenv(VARIABLE, "torch")
    assert [selection.selection(d) for d in ("cpu", "cuda")] == [Selection("torch", f"{VARIABLE}=torch")] * 2
    monkeypatch.setenv(VARIABLE, "cpu")
    assert [selection.selection(d).backend for d in ("cpu", "cuda")] == ["cpu", "torch"]
    monkeypatch.setenv(VARIABLE, "cupy")
    assert [selection.selection(d).backend for d in ("cpu", "cuda")] == ["torch", "cupy"]


def test_what_is_asked_for_must_be_there(machine, monkeypatch):
    machine(compiler=False, gpu=False, cupy=False)
    monkeypatch.setenv(VARIABLE, "cpu")
    with pytest.raises(ValueError, match=rf"{VARIABLE} is 'cpu', but no C\+\+ compiler was found"):
        selection.selection("cpu")
    monkeypatch.setenv(VARIABLE, "cupy")
    with pytest.raises(ValueError, match=f"{VARIABLE} is 'cupy', but torch sees no CUDA device"):
        selection.selection("cuda")


def test_an_unknown_word_names_the_nearest(monkeypatch):
    monkeypatch.setenv(VARIABLE, "cuppy")
    with pytest.raises(ValueError, match="expected one of torch, cpu, cupy; nearest: 'cupy'"):
        selection.selection("cpu")


def test_a_neuron_keeps_what_it_was_built_with(machine, monkeypatch):
    machine(compiler=True, gpu=False, cupy=False)
    neuron = Neuron(kind="lif", levels=1)
    before = NativeNeurons(neuron, False, 4)
    monkeypatch.setenv(VARIABLE, "torch")
    after = NativeNeurons(neuron, False, 4)
    assert before.devices == ("cpu",) and not after.devices
    assert before.devices == ("cpu",), "the choice is made once"
