"""Deformable sampling by ``kernels.deform``: the function of ``layers.deform``, and of counts in bit-planes.

The signature is that of ``layers.deform_grid``. Values may be float32, float16 or bfloat16, on a CPU or a GPU.
"""

from __future__ import annotations

from torch import Tensor

from kernels.deform_ops import deform_events_op, deform_sample_op, deform_sample_spikes_op, flat, spike_words_op
from kernels.spike_words import planes_for
from layers.deform_grid import deform_sample_grid
from layers.native import runs


def deform_sample_kernel(
    value: Tensor, offset: Tensor, weight: Tensor, reference: Tensor, levels: tuple[tuple[int, int], ...]
) -> Tensor:
    """value [B, S, h, d], offset [B, Q, h, L, P, 2], weight [B, Q, h, L, P], reference [1 or B, Q, L, 2]
    -> [B, Q, h d]."""
    return deform_sample_op(value, offset, weight, reference, flat(levels))


def deform_sample_on(
    value: Tensor,
    offset: Tensor,
    weight: Tensor,
    reference: Tensor,
    levels: tuple[tuple[int, int], ...],
    devices: tuple[str, ...],
) -> Tensor:
    """What a lowered graph calls: the kernel on ``devices``, elsewhere (and in float64) the form of ``grid_sample``."""
    run = deform_sample_kernel if runs(value, devices) else deform_sample_grid
    return run(value, offset, weight, reference, levels)


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
    """The same of counts in [0, most] (or [-most, most]), by additions. The caller multiplies by their step."""
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
) -> Tensor:
    """[B, h] int64: how many additions ``deform_sample_counts`` makes of these."""
    words = spike_words_op(counts.detach(), planes_for(most), signed)
    return deform_events_op(words, offset, weight, reference, flat(levels), counts.shape[-1], signed)
