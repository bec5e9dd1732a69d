"""Deformable sampling by ``kernels.deform``: the function of ``layers.deform``, and of counts in bit-planes.

The signature is that of ``layers.deform_grid``. Values may be float32, float16 or bfloat16, on a CPU or a GPU.
"""

from __future__ import annotations

from torch import Tensor

from graph.dialect import Call
from kernels.deform_ops import deform_events_op, deform_sample_op, deform_sample_spikes_op, flat, spike_words_op
from kernels.spike_words import MOST, planes_for
from layers.deform_grid import deform_sample_grid
from layers.native import named, runs


def deform_sample_kernel(
    value: Tensor, offset: Tensor, weight: Tensor, reference: Tensor, levels: tuple[tuple[int, int], ...]
) -> Tensor:
    """value [B, S, h, d], offset [B, Q, h, L, P, 2], weight [B, Q, h, L, P], reference [1 or B, Q, L, 2]
    -> [B, Q, h d]."""
    return deform_sample_op(value, offset, weight, reference, flat(levels))


def sampled_values(
    value: Tensor,
    offset: Tensor,
    weight: Tensor,
    reference: Tensor,
    levels: tuple[tuple[int, int], ...],
    devices: tuple[str, ...],
    unit: Tensor | None = None,
) -> Tensor:
    """The kernel on ``devices``, elsewhere (and in float64) the form of ``grid_sample``; the weight takes the unit."""
    run = deform_sample_kernel if runs(value, devices) else deform_sample_grid
    return run(value, offset, weight if unit is None else weight * unit, reference, levels)


def sampled_counts(
    counts: Tensor,
    offset: Tensor,
    weight: Tensor,
    reference: Tensor,
    levels: tuple[tuple[int, int], ...],
    devices: tuple[str, ...],
    most: int,
    signed: bool,
    unit: Tensor | None = None,
) -> Tensor:
    """By additions of bit-planes on ``devices``, elsewhere as real values."""
    if not runs(counts, devices):
        return sampled_values(counts, offset, weight, reference, levels, (), unit)
    weight = weight if unit is None else weight * unit
    return deform_sample_counts(counts, offset, weight, reference, levels, most=most, signed=signed)


def of_values(levels: tuple[tuple[int, int], ...], devices: tuple[str, ...]) -> Call:
    return Call(sampled_values, (levels, devices), kernel=named("deform_sample", devices))


def fits(most: int) -> bool:
    """Do counts up to ``most`` fit the bit-planes? Sums over T steps of counts up to D reach T D, and may not."""
    return most <= MOST


def of_counts(levels: tuple[tuple[int, int], ...], most: int, signed: bool, devices: tuple[str, ...]) -> Call:
    """Counts beyond what bit-planes hold are sampled as real values."""
    if not fits(most):
        plain = of_values(levels, devices)
        return Call(plain.fn, plain.args, kernel=f"{plain.kernel}, since counts reach {most}: bit-planes hold {MOST}")
    return Call(sampled_counts, (levels, devices, most, signed), kernel=named("deform_sample_spikes", devices))


def deform_sample_counts(
    counts: Tensor,
    offset: Tensor,
    weight: Tensor,
    reference: Tensor,
    levels: tuple[tuple[int, int], ...],
    *,
    most: int,
    signed: bool = False,
) -> Tensor:
    """The same of counts in [0, most] (or [-most, most]), by additions; gradients of counts, offset, weight and
    reference. The caller multiplies by their step, and asks ``fits(most)`` first."""
    words = spike_words_op(counts.detach(), planes_for(most), signed)
    value = counts if counts.is_floating_point() else None
    return deform_sample_spikes_op(value, words, offset, weight, reference, flat(levels), counts.shape[-1], signed)


def deform_additions(
    counts: Tensor,
    offset: Tensor,
    weight: Tensor,
    reference: Tensor,
    levels: tuple[tuple[int, int], ...],
    *,
    most: int,
    signed: bool = False,
    unary: bool = False,
) -> Tensor:
    """[B, h] int64: how many additions ``deform_sample_counts`` makes of these. ``unary``: how many there are event by
    event, n for a count n at each tap in bounds, whatever its weight."""
    words = spike_words_op(counts.detach(), planes_for(most), signed)
    return deform_events_op(words, offset, weight, reference, flat(levels), counts.shape[-1], signed, unary)
