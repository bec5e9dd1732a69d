"""Counts in bit-planes: against a packing written with loops, back again, and as the LIF kernel packs its spikes."""

from __future__ import annotations

import pytest
import torch

from kernels.spike_words import pack, planes_for, unpack


def by_loops(counts, planes, signed):
    """[N, d] -> [planes + signed, N, words] of Python integers."""
    rows, channels = counts.shape
    width = -(-channels // 32)
    words = [[[0] * width for _ in range(rows)] for _ in range(planes + signed)]
    for row in range(rows):
        for c in range(channels):
            n = int(counts[row, c])
            for j in range(planes):
                words[j][row][c // 32] |= (abs(n) >> j & 1) << c % 32
            if signed:
                words[planes][row][c // 32] |= int(n < 0) << c % 32
    return words


@pytest.mark.parametrize(
    ("channels", "planes", "signed", "dtype"),
    [
        (32, 1, False, torch.float32),
        (40, 4, False, torch.float16),
        (7, 3, True, torch.bfloat16),
        (65, 2, True, torch.int8),
        (16, 4, False, torch.uint8),
    ],
)
def test_packed_and_unpacked(channels, planes, signed, dtype):
    most = 2**planes - 1
    random = torch.Generator().manual_seed(0)
    counts = torch.randint(-most if signed else 0, most + 1, (2, 5, 3, channels), generator=random)
    words = pack(counts.to(dtype), planes, signed)
    assert words.dtype == torch.int32 and words.shape == (planes + signed, 2, 5, 3, -(-channels // 32))
    wanted = by_loops(counts.view(-1, channels), planes, signed)
    assert (words.flatten(1, 3).long() & 0xFFFFFFFF).tolist() == wanted
    assert torch.equal(unpack(words, channels, signed), counts.float())


def test_counts_may_be_strided():
    counts = torch.randint(0, 2, (32, 5, 3), generator=torch.Generator().manual_seed(0)).float().transpose(0, 2)
    assert torch.equal(pack(counts, 1, False), pack(counts.contiguous(), 1, False))


def test_planes():
    assert [planes_for(n) for n in (1, 2, 3, 4, 7, 8, 15)] == [1, 2, 2, 3, 3, 4, 4]
    for wrong in (0, 16):
        with pytest.raises(ValueError, match=f"levels is {wrong}, expected 1 to 15"):
            planes_for(wrong)


def test_a_type_that_holds_no_counts():
    with pytest.raises(TypeError, match="counts are torch.float64, expected one of float32, .*int8"):
        pack(torch.zeros(2, 32, dtype=torch.float64), 1, False)


def test_the_lif_kernel_packs_alike():
    """Single spikes, 32 channels a head: its bits are the words."""
    from kernels.dynamics import Dynamics
    from kernels.ops import lif

    x = 2 * torch.randn(1, 2, 9, 3, 32, generator=torch.Generator().manual_seed(0))
    spikes, bits = lif(x, Dynamics()), lif(x, Dynamics(), spikes="bits")
    assert spikes.any()
    assert torch.equal(bits.view(torch.int32).view(1, 2, 9, 3, 1), pack(spikes[0], 1, False))
