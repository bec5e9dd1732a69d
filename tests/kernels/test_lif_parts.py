"""What can stand around the neuron: affine in every layout, residual, a site's step, packed spikes; any numbers."""

from __future__ import annotations

import itertools
from math import prod
from typing import get_args

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from graph.neuron import Dynamics, Neuron
from kernels import dynamics as kernel
from kernels.ops import lif, lif_with_membrane
from snn.modules import TorchNeurons
from snn.native import NativeNeurons, dynamics
from snn.neurons import at_rest, integer_lif, integrate_and_fire, integrate_and_fire_from

SPEC = Neuron(kind="lif", levels=1, tau=1.7, threshold=0.9, surrogate="sigmoid", alpha=4.0)
COUNTS = Neuron(kind="ilif", levels=4, tau=1.7)
SHAPES = {"images": (3, 2, 5, 7, 3), "wide": (3, 2, 24, 16, 16), "tokens": (3, 2, 37, 12), "one channel": (3, 4, 1, 9)}


def laid_out(shape: tuple[int, ...], layout: str, seed: int) -> tuple[Tensor, int]:
    """x [T, ...] and the dimension of its channels."""
    x = 1.5 * torch.randn(shape, generator=torch.Generator().manual_seed(seed)) + 0.4
    if layout == "last":
        return x, len(shape) - 1
    if layout == "channels_last" and len(shape) == 5:
        return x.flatten(0, 1).to(memory_format=torch.channels_last).unflatten(0, shape[:2]), 2
    return x, 2


def close(found: Tensor, wanted: Tensor, terms: float = 1.0) -> None:
    torch.testing.assert_close(found, wanted, rtol=1e-5, atol=1e-5 * terms)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("layout", ["first", "channels_last", "last"])
def test_affine_residual_and_step(shape, layout):
    """Against the composition; gradients of x, scale, bias, residual and step."""
    x, channel = laid_out(SHAPES[shape], layout, 0)
    extra = laid_out(SHAPES[shape], layout, 1)[0]
    random = torch.Generator().manual_seed(2)
    scale, bias = torch.randn(2, x.shape[channel], generator=random).unbind(0)
    leaves = [t.detach().clone().requires_grad_() for t in (x, scale, bias, extra, torch.tensor(0.7))]
    mine = lif(
        leaves[0],
        dynamics(SPEC),
        scale=leaves[1],
        bias=leaves[2],
        residual=leaves[3],
        step=leaves[4],
        channel=channel,
    )
    tail = (...,) + (None,) * (x.ndim - 1 - channel)
    current = leaves[0] * leaves[1][tail] + leaves[2][tail] + leaves[3]
    wanted = integrate_and_fire(current / leaves[4], SPEC)
    assert torch.equal(mine, wanted) and 0.02 < (mine > 0).float().mean() < 0.9
    probe = torch.randn(mine.shape, generator=random)
    found, reference = (torch.autograd.grad(y, leaves, probe, retain_graph=True) for y in (mine, wanted))
    terms = prod(x.shape) / len(scale)
    for a, b, count in zip(found, reference, (1, terms, terms, 1, prod(x.shape)), strict=True):
        close(a, b, count**0.5)
        assert b.abs().sum() > 0


@pytest.mark.parametrize(("affine", "residual", "step"), [*itertools.product((False, True), repeat=3)])
def test_every_part_alone(affine, residual, step):
    x, channel = laid_out((4, 2, 6, 5, 3), "channels_last", 3)
    scale, bias = torch.linspace(0.5, 1.5, 6), torch.linspace(-0.2, 0.3, 6)
    side, unit = x.flip(1), torch.tensor(0.6)
    parts = {"scale": scale, "bias": bias} if affine else {}
    parts |= {"residual": side} if residual else {}
    parts |= {"step": unit} if step else {}
    leaves = [x.detach().clone().requires_grad_()] + [t.detach().clone().requires_grad_() for t in parts.values()]
    mine = lif(leaves[0], dynamics(SPEC), channel=channel, **dict(zip(parts, leaves[1:], strict=True)))
    named = dict(zip(parts, leaves[1:], strict=True))
    current = leaves[0]
    if affine:
        current = current * named["scale"][:, None, None] + named["bias"][:, None, None]
    if residual:
        current = current + named["residual"]
    wanted = integrate_and_fire(current / named["step"] if step else current, SPEC)
    assert torch.equal(mine, wanted)
    for a, b in zip(*(torch.autograd.grad(y.square().sum(), leaves) for y in (mine, wanted)), strict=True):
        close(a, b, 10.0)


@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("steps", [1, 3])
def test_a_step_of_integer_counts(signed, steps):
    """The learnt step of I-LIF: the composition's gradient, which with n step behind it is LSQ's."""
    x = (4 * torch.randn(steps, 301, generator=torch.Generator().manual_seed(4))).requires_grad_()
    step = torch.tensor(0.8, requires_grad=True)
    mine = lif(x, dynamics(COUNTS, signed), step=step)
    wanted = integer_lif(x / step, COUNTS, signed)
    assert torch.equal(mine, wanted)
    for a, b in zip(*(torch.autograd.grad(y.square().sum(), (x, step)) for y in (mine, wanted)), strict=True):
        close(a, b, 20.0)


@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("layout", ["first", "channels_last", "last"])
def test_one_step_of_counts_rounds_half_to_even(signed, layout):
    """I-LIF at T = 1 with every part: round(clip((a x + b) / step)), bit for bit, ties and numbers beyond included."""
    x, channel = laid_out((1, 2, 5, 7, 3), layout, 10)
    x = (8 * x).round() / 8
    x[0, 0, 0, 0] = torch.tensor([torch.inf, -torch.inf, torch.nan])
    scale, bias = torch.full((x.shape[channel],), -2.0), torch.full((x.shape[channel],), 0.25)
    step = torch.tensor(0.5)
    mine = lif(x, dynamics(COUNTS, signed), scale=scale, bias=bias, step=step, channel=channel)
    u = (x * -2.0 + 0.25) / step
    assert torch.equal(mine.nan_to_num(9), u.clamp(-4 if signed else 0, 4).round().nan_to_num(9))
    assert ((u - u.floor()) == 0.5).sum() > 10


@pytest.mark.parametrize("spec", [SPEC, COUNTS], ids=lambda spec: spec.kind)
@pytest.mark.parametrize("steps", [4, 11])
def test_step_by_step_is_all_at_once(spec, steps):
    """With affine, residual and step: every call is given the last one's membrane; the same bits, in two chunks too."""
    x, channel = laid_out((steps, 2, 6, 5, 3), "channels_last", 11)
    random = torch.Generator().manual_seed(12)
    parts = {"scale": torch.rand(6, generator=random) + 0.5, "bias": torch.randn(6, generator=random)}
    given = parts | {"step": torch.tensor(0.3), "channel": channel}
    side = x.flip(1)
    whole, last = lif_with_membrane(x, dynamics(spec), residual=side, **given)
    state, counts = None, []
    for t in range(steps):
        n, state = lif_with_membrane(x[t : t + 1], dynamics(spec), state, residual=side[t : t + 1], **given)
        counts.append(n)
    assert torch.equal(torch.cat(counts), whole) and torch.equal(state, last)
    assert torch.equal(lif(x, dynamics(spec), residual=side, **given), whole)


@pytest.mark.parametrize("size", [1, 7, 8, 1000])
@pytest.mark.parametrize("steps", [3, 9])
def test_packed_spikes(size, steps):
    x = torch.randn(steps, size, generator=torch.Generator().manual_seed(5)) + 0.5
    plain = lif(x, dynamics(SPEC))
    narrow = lif(x, dynamics(SPEC), spikes="bytes")
    packed = lif(x, dynamics(SPEC), spikes="bits")
    assert narrow.dtype == torch.uint8 and torch.equal(narrow.float(), plain)
    assert packed.shape == (steps, (size + 7) // 8)
    unpacked = (packed[..., None] >> torch.arange(8)) & 1
    assert torch.equal(unpacked.flatten(1)[:, :size].float(), plain)
    assert unpacked.flatten(1)[:, size:].sum() == 0


def test_bytes_of_counts_keep_their_sign():
    x = 6 * torch.randn(3, 50, generator=torch.Generator().manual_seed(6))
    narrow = lif(x, dynamics(COUNTS, True), spikes="bytes")
    assert narrow.dtype == torch.int8 and narrow.min() == -4
    assert torch.equal(narrow.float(), integer_lif(x, COUNTS, True))


def test_a_membrane_carries_on():
    """Two calls of 4 steps are one of 8."""
    spec = Neuron(kind="lif", levels=1)
    x = torch.randn(8, 33, generator=torch.Generator().manual_seed(7)) + 0.7
    whole, end = integrate_and_fire_from(x, at_rest(x[0], spec), spec)
    first, between = lif_with_membrane(x[:4], dynamics(spec))
    second, last = lif_with_membrane(x[4:], dynamics(spec), v0=between)
    assert torch.equal(torch.cat([first, second]), whole) and torch.equal(last, end)


NUMBERS = st.floats(-4.0, 4.0, width=32)


@given(
    tau=st.floats(1.01, 50.0),
    threshold=st.floats(0.05, 4.0),
    v_reset=NUMBERS,
    v_init=NUMBERS,
    alpha=st.floats(0.1, 10.0),
    values=st.lists(NUMBERS, min_size=3, max_size=30),
)
def test_any_numbers_fire_alike(tau, threshold, v_reset, v_init, alpha, values):
    spec = Neuron(
        kind="lif",
        levels=1,
        tau=tau,
        threshold=threshold,
        reset="hard",
        v_reset=v_reset,
        v_init=v_init,
        alpha=alpha,
    )
    x = torch.tensor(values[: len(values) // 3 * 3]).reshape(3, -1).requires_grad_()
    mine, wanted = lif(x, dynamics(spec)), integrate_and_fire(x, spec)
    assert torch.equal(mine, wanted)
    a, b = (torch.autograd.grad(y.sum(), x)[0] for y in (mine, wanted))
    close(a, b, 1 + float(b.abs().max()))


@pytest.mark.parametrize("steps", [1, 4])
@pytest.mark.parametrize("kind", get_args(Dynamics))
def test_a_module_is_its_reference(kind, steps):
    """What the networks run: the same counts with and without kernels, with a step and without."""
    neuron = Neuron(kind=kind, levels=4 if kind == "ilif" else 1)
    mine, plain = NativeNeurons(neuron, False, steps), TorchNeurons(neuron, False, steps)
    assert mine.devices
    x, step = torch.randn(8, 6, 5, 5, generator=torch.Generator().manual_seed(8)) + 0.5, torch.tensor(0.4)
    assert torch.equal(mine(x), plain(x))
    assert torch.equal(mine(x, step), plain(x, step))
    assert torch.equal(mine(x.double()), plain(x.double())), "double precision has no kernel and keeps to the reference"


def test_no_neurons_no_launch():
    x = torch.zeros(4, 0, requires_grad=True)
    y = lif(x, kernel.Dynamics())
    y.sum().backward()
    assert y.shape == x.shape == x.grad.shape
