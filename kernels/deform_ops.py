"""Deformable sampling as torch operators, of real values and of counts in bit-planes; each backward is its own.

``levels`` are the heights and widths in a row: H0, W0, H1, W1, ... Offsets and references are computed with in float32
whatever their type; values and weights in float32 from the type of the value. Under
``torch.use_deterministic_algorithms`` a GPU adds gradients of the values as integers.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from kernels import deform as host
from kernels import spike_words
from kernels.deform import Call


def flat(levels: host.Levels) -> list[int]:
    return [side for size in levels for side in size]


def _pairs(levels: list[int]) -> host.Levels:
    return tuple(zip(levels[::2], levels[1::2], strict=True))


def _ready(x: Tensor) -> Tensor:
    """Contiguous, and on 16 bytes, which a view need not be: the GPU's loads are that wide."""
    x = x.contiguous()
    return x.clone() if x.data_ptr() % 16 else x


def _real(value: Tensor, offset: Tensor, weight: Tensor, reference: Tensor, levels: list[int]) -> Call:
    """In the types that the kernels read."""
    value = _ready(value.detach())
    return Call(
        value=value,
        offset=_ready(offset.detach().float()),
        weight=_ready(weight.detach().to(value.dtype)),
        reference=_ready(reference.detach().float()),
        levels=_pairs(levels),
        channels=value.shape[-1],
    )


def _spiking(
    words: Tensor, offset: Tensor, weight: Tensor, reference: Tensor, levels: list[int], channels: int, signed: bool
) -> Call:
    return Call(
        words=_ready(words),
        offset=_ready(offset.detach().float()),
        weight=_ready(weight.detach()),
        reference=_ready(reference.detach().float()),
        levels=_pairs(levels),
        channels=channels,
        signed=signed,
    )


def _backward(call: Call, grad: Tensor, offset: Tensor, weight: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    grad = _ready(grad.to(call.weight.dtype))
    by_value, by_offset, by_weight = host.backward(call, grad, torch.are_deterministic_algorithms_enabled())
    return by_value, by_offset.to(offset.dtype), by_weight.to(weight.dtype)


def by_reference(by_offset: Tensor, reference: Tensor, levels: list[int]) -> Tensor:
    """A location is reference * (W, H) + offset, so the reference has the offsets' gradients, added up."""
    sides = [by_offset.new_full((1,), side) for side in levels]  # filled on the device, not copied to it
    sizes = torch.cat(sides).view(-1, 2).flip(1)
    total = by_offset.float().sum((2, 4)) * sizes
    return total.sum_to_size(reference.shape).to(reference.dtype)


# ---- real values ---------------------------------------------------------------------------------------------------
@torch.library.custom_op("spikeavs::deform_sample", mutates_args=())
def deform_sample_op(value: Tensor, offset: Tensor, weight: Tensor, reference: Tensor, levels: list[int]) -> Tensor:
    return host.forward(_real(value, offset, weight, reference, levels))


@deform_sample_op.register_fake
def _deform_sample_fake(value: Tensor, offset: Tensor, weight: Tensor, reference: Tensor, levels: list[int]) -> Tensor:
    return value.new_empty(offset.shape[0], offset.shape[1], offset.shape[2] * value.shape[-1])


@torch.library.custom_op("spikeavs::deform_sample_backward", mutates_args=())
def deform_sample_backward_op(
    grad: Tensor, value: Tensor, offset: Tensor, weight: Tensor, reference: Tensor, levels: list[int]
) -> tuple[Tensor, Tensor, Tensor]:
    return _backward(_real(value, offset, weight, reference, levels), grad, offset, weight)


@deform_sample_backward_op.register_fake
def _deform_sample_backward_fake(
    grad: Tensor, value: Tensor, offset: Tensor, weight: Tensor, reference: Tensor, levels: list[int]
) -> tuple[Tensor, Tensor, Tensor]:
    return _contiguous_like(value), _contiguous_like(offset), _contiguous_like(weight)


def _contiguous_like(x: Tensor) -> Tensor:
    return torch.empty_like(x, memory_format=torch.contiguous_format)


def _keep(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    ctx.save_for_backward(*inputs[:4])
    ctx.levels = inputs[4]


def _go_back(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
    value, offset, weight, reference = ctx.saved_tensors
    found = deform_sample_backward_op(grad, value, offset, weight, reference, ctx.levels)
    wanted = ctx.needs_input_grad
    return (*found, by_reference(found[1], reference, ctx.levels) if wanted[3] else None, None)


deform_sample_op.register_autograd(_go_back, setup_context=_keep)


# ---- counts --------------------------------------------------------------------------------------------------------
@torch.library.custom_op("spikeavs::spike_words", mutates_args=())
def spike_words_op(value: Tensor, planes: int, signed: bool) -> Tensor:
    """Counts [..., d] -> bit-planes [planes + signed, ..., ceil(d / 32)]."""
    return spike_words.pack(value.detach(), planes, signed)


@spike_words_op.register_fake
def _spike_words_fake(value: Tensor, planes: int, signed: bool) -> Tensor:
    return value.new_empty(spike_words.shape_of(value, planes, signed), dtype=torch.int32)


@torch.library.custom_op("spikeavs::deform_sample_spikes", mutates_args=())
def deform_sample_spikes_op(
    value: Tensor | None,
    words: Tensor,
    offset: Tensor,
    weight: Tensor,
    reference: Tensor,
    levels: list[int],
    channels: int,
    signed: bool,
) -> Tensor:
    """Only ``words`` are read. ``value``, the counts that they hold, is there to get a gradient, if it is there."""
    return host.forward(_spiking(words, offset, weight, reference, levels, channels, signed))


@deform_sample_spikes_op.register_fake
def _deform_sample_spikes_fake(value: Tensor | None, words: Tensor, offset: Tensor, *others: Any) -> Tensor:
    weight, channels = others[0], others[3]
    return weight.new_empty(offset.shape[0], offset.shape[1], offset.shape[2] * channels)


@torch.library.custom_op("spikeavs::deform_sample_spikes_backward", mutates_args=())
def deform_sample_spikes_backward_op(
    grad: Tensor,
    words: Tensor,
    offset: Tensor,
    weight: Tensor,
    reference: Tensor,
    levels: list[int],
    channels: int,
    signed: bool,
) -> tuple[Tensor, Tensor, Tensor]:
    """The counts' gradient is dense: that of a real value."""
    return _backward(_spiking(words, offset, weight, reference, levels, channels, signed), grad, offset, weight)


@deform_sample_spikes_backward_op.register_fake
def _deform_sample_spikes_backward_fake(
    grad: Tensor, words: Tensor, offset: Tensor, *others: Any
) -> tuple[Tensor, Tensor, Tensor]:
    weight, channels = others[0], others[3]
    by_value = weight.new_empty(*words.shape[1:4], channels)
    return by_value, _contiguous_like(offset), _contiguous_like(weight)


def _keep_spikes(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    """The counts themselves are not kept: 32 times less memory."""
    value, *tensors = inputs[:5]
    ctx.save_for_backward(*tensors)
    ctx.dtype = None if value is None else value.dtype
    ctx.rest = inputs[5:]


def _go_back_spikes(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
    words, offset, weight, reference = ctx.saved_tensors
    by_value, *others = deform_sample_spikes_backward_op(grad, words, offset, weight, reference, *ctx.rest)
    wanted = ctx.needs_input_grad
    first = by_value.to(ctx.dtype) if wanted[0] else None
    last = by_reference(others[0], reference, ctx.rest[0]) if wanted[4] else None
    return (first, None, *others, last, None, None, None)


deform_sample_spikes_op.register_autograd(_go_back_spikes, setup_context=_keep_spikes)


@torch.library.custom_op("spikeavs::deform_events", mutates_args=())
def deform_events_op(
    words: Tensor,
    offset: Tensor,
    weight: Tensor,
    reference: Tensor,
    levels: list[int],
    channels: int,
    signed: bool,
    unary: bool = False,
) -> Tensor:
    """The additions that ``deform_sample_spikes`` makes, [B, h] int64: set bits under every corner in bounds of every
    sample whose weight is not 0. ``unary``: of all samples, a count n being n additions, as an accountant charges."""
    return host.events(_spiking(words, offset, weight, reference, levels, channels, signed), unary)


@deform_events_op.register_fake
def _deform_events_fake(
    words: Tensor,
    offset: Tensor,
    weight: Tensor,
    reference: Tensor,
    levels: list[int],
    channels: int,
    signed: bool,
    unary: bool = False,
) -> Tensor:
    return offset.new_empty(offset.shape[0], offset.shape[2], dtype=torch.int64)
