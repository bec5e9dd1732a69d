"""Counts as bit-planes: [B, S, h, d] -> int32 words [planes (+ 1 if signed), B, S, h, ceil(d / 32)].

Bit c % 32 of word c // 32 of plane j is worth 2^j; the last plane of signed counts marks the negative ones. Where d is
a multiple of 32 and counts are single spikes, this is how ``lif`` packs them already.
"""

from __future__ import annotations

from functools import cache
from math import ceil

import torch
from torch import Tensor

from kernels.io_types import IO
from kernels.launch import launch
from kernels.source import Build

THREADS = 128
BYTES = {torch.uint8: 1, torch.int8: 2}
MOST = 15  # a count, in 4 planes


def planes_for(levels: int) -> int:
    """Planes of counts up to ``levels``."""
    if not 1 <= levels <= MOST:
        raise ValueError(f"levels is {levels}, expected 1 to {MOST}: spikes are sampled from at most 4 bit-planes")
    return levels.bit_length()


def words_per_row(channels: int) -> int:
    return ceil(channels / 32)


def shape_of(value: Tensor, planes: int, signed: bool) -> tuple[int, ...]:
    return (planes + signed, *value.shape[:-1], words_per_row(value.shape[-1]))


@cache
def build(channels: int, dtype: torch.dtype, planes: int, signed: bool) -> Build:
    if dtype not in IO and dtype not in BYTES:
        names = ", ".join(str(t).removeprefix("torch.") for t in (*IO, *BYTES))
        raise TypeError(f"counts are {dtype}, expected one of {names}")
    constants = (
        ("D", channels),
        ("PLANES", planes),
        ("SIGNED", int(signed)),
        ("IO", IO.get(dtype, 0)),
        ("COUNTS", BYTES.get(dtype, 0)),
    )
    return Build("spike_words.cu", ("spike_words",), constants)


def pack(value: Tensor, planes: int, signed: bool) -> Tensor:
    """Counts have to fit: |count| < 2^planes, and none is negative unless ``signed``."""
    value = value.contiguous()
    words = torch.empty(shape_of(value, planes, signed), dtype=torch.int32, device=value.device)
    if words.numel():
        what = build(value.shape[-1], value.dtype, planes, signed)
        rows = value[..., 0].numel()
        blocks = ceil(rows * words.shape[-1] / THREADS)
        launch(what, "spike_words", (blocks, 1, 1), THREADS, (value, words, rows), value.device)
    return words


def unpack(words: Tensor, channels: int, signed: bool) -> Tensor:
    """The counts again, as float32. Plain torch: for tests and for looking at them."""
    bits = (words[..., None] >> torch.arange(32, device=words.device)) & 1
    bits = bits.flatten(-2)[..., :channels].float()
    size = bits[: len(bits) - signed]
    worth = 2.0 ** torch.arange(len(size), device=words.device)
    counts = torch.einsum("p,p...->...", worth, size)
    return counts * (1 - 2 * bits[-1]) if signed else counts
