"""Deformable sampling as torch operators: their contract with autograd and the compiler; the counter of additions."""

from __future__ import annotations

from math import floor

import pytest
import torch

from kernels.deform_ops import (
    deform_events_op,
    deform_sample_backward_op,
    deform_sample_op,
    deform_sample_spikes_backward_op,
    deform_sample_spikes_op,
    flat,
    spike_words_op,
)
from layers.deform_kernel import deform_additions, deform_sample_counts, deform_sample_kernel, fits, of_counts
from tests.kernels.deform_cases import Case, by_reference, close, leaves

REAL = Case(channels=5, levels=2, points=3)
COUNTS = Case(planes=2, channels=40, levels=2, points=3)


def test_opcheck_real():
    inputs, levels = leaves(REAL.inputs(plain=True)), flat(REAL.sizes)
    torch.library.opcheck(deform_sample_op, (*inputs, levels))
    plain = [t.detach() for t in inputs]
    torch.library.opcheck(deform_sample_backward_op, (torch.ones(2, 7, 15), *plain, levels))


@pytest.mark.parametrize("with_value", [True, False])
def test_opcheck_counts(with_value):
    value, *others = leaves(COUNTS.inputs(plain=True))
    words = spike_words_op(value.detach(), COUNTS.planes, False)
    rest = (flat(COUNTS.sizes), 40, False)
    torch.library.opcheck(deform_sample_spikes_op, (value if with_value else None, words, *others, *rest))


def test_opcheck_without_gradients():
    value, *others = COUNTS.inputs(plain=True)
    words = spike_words_op(value, COUNTS.planes, False)
    rest = (flat(COUNTS.sizes), 40, False)
    torch.library.opcheck(spike_words_op, (value, COUNTS.planes, False))
    torch.library.opcheck(deform_sample_spikes_backward_op, (torch.ones(2, 7, 120), words, *others, *rest))
    torch.library.opcheck(deform_events_op, (words, *others, *rest))


@pytest.mark.parametrize("case", [REAL, COUNTS], ids=str)
def test_compiled_in_one_graph(case):
    def step(value, offset, weight, reference):
        sharp = weight.relu() * 2
        if case.planes:
            return deform_sample_counts(value, offset, sharp, reference, case.sizes, most=case.most).square().mean()
        return deform_sample_kernel(value, offset, sharp, reference, case.sizes).square().mean()

    mine = leaves(case.inputs(plain=True))
    eager = step(*mine)
    compiled = torch.compile(step, fullgraph=True, backend="aot_eager")(*mine)
    torch.testing.assert_close(compiled, eager)
    for a, b in zip(torch.autograd.grad(compiled, mine), torch.autograd.grad(eager, mine), strict=True):
        torch.testing.assert_close(a, b)


def test_the_counts_are_not_kept():
    """What the backward pass holds on to is 32 times less than the values."""
    case = Case(planes=1)
    mine = leaves(case.inputs(plain=True))
    sizes = []
    with torch.autograd.graph.saved_tensors_hooks(lambda t: sizes.append(t.numel() * t.itemsize) or t, lambda t: t):
        deform_sample_counts(*mine, case.sizes, most=1)
    assert mine[0].numel() * 4 // 32 in sizes
    assert mine[0].numel() * 4 not in sizes


def test_counts_in_bytes_and_in_floats():
    case = Case(planes=3, channels=24, signed=True)
    value, *others = case.inputs(plain=True)
    given = {"levels": case.sizes, "most": 7, "signed": True}
    wanted = deform_sample_counts(value, *others, **given)
    assert torch.equal(deform_sample_counts(value.to(torch.int8), *others, **given), wanted)


def additions(case, value, offset, weight, reference, unary=False):
    """Bit by bit, or unary count by count, corner by corner."""
    batch, queries, heads = offset.shape[:3]
    total = [[0] * heads for _ in range(batch)]

    def size(n):
        return int(abs(n)) if unary else int(abs(n)).bit_count()

    ones = [[[sum(map(size, row)) for row in token] for token in b] for b in value.tolist()]
    for b in range(batch):
        for q in range(queries):
            for h in range(heads):
                start = 0
                for level, (height, width) in enumerate(case.sizes):
                    for p in range(case.points):
                        if unary or weight[b, q, h, level, p] != 0:
                            dx, dy = offset[b, q, h, level, p]
                            x = reference[b % len(reference), q, level, 0] * width + dx - 0.5
                            y = reference[b % len(reference), q, level, 1] * height + dy - 0.5
                            if x.isfinite() and y.isfinite():
                                for column in (floor(x), floor(x) + 1):
                                    for row in (floor(y), floor(y) + 1):
                                        if 0 <= column < width and 0 <= row < height:
                                            total[b][h] += ones[b][start + row * width + column][h]
                    start += height * width
    return total


@pytest.mark.parametrize(
    "case",
    [
        Case(planes=1),
        Case(planes=2, channels=40, levels=2, points=3),
        Case(planes=3, channels=24, signed=True),
        Case(planes=4, channels=16, levels=2, points=3),
    ],
    ids=str,
)
def test_additions_are_counted_exactly(case):
    for wide in (False, True):
        inputs = case.inputs(wide=wide, seed=int(wide))
        found = deform_additions(*inputs, case.sizes, most=case.most, signed=case.signed)
        wanted = additions(case, *inputs)
        assert found.dtype == torch.int64 and found.tolist() == wanted
        assert sum(map(sum, wanted)) > 0
        charged = deform_additions(*inputs, case.sizes, most=case.most, signed=case.signed, unary=True).tolist()
        assert charged == additions(case, *inputs, unary=True) and sum(map(sum, charged)) > sum(map(sum, wanted))


@pytest.mark.parametrize("wide", [False, True])
@pytest.mark.parametrize("signed", [False, True])
def test_counts_can_be_trained(signed, wide):
    """Every gradient is that of the plain form, with one reference for all samples and with one each."""
    case = Case(planes=4, channels=16, levels=2, points=3, signed=signed)
    inputs = case.inputs(wide=wide, plain=True)
    mine = leaves(inputs)
    out = deform_sample_counts(*mine, case.sizes, most=case.most, signed=signed)
    probe = torch.randn(out.shape, generator=torch.Generator().manual_seed(1))
    wanted, judged = by_reference(inputs, case, probe)
    close(out, wanted, 1e-5)
    for a, b in zip(torch.autograd.grad(out, mine, probe), judged, strict=True):
        close(a, b, 1e-4)
        assert b.abs().sum() > 0


def test_more_than_fits_is_said():
    """T D decoded counts: beyond 15 they are sampled as real values."""
    assert fits(15) and not fits(16)
    value, *others = Case(planes=4).inputs(plain=True)
    with pytest.raises(ValueError, match="levels is 16, expected 1 to 15"):
        deform_sample_counts(value, *others, Case().sizes, most=16)
    assert "since counts reach 16: bit-planes hold 15" in of_counts(Case().sizes, 16, False, ("cpu",)).kernel


def test_deterministic_algorithms_may_be_asked_for():
    """Under the flag the gradients are the same in every run; on a CPU they are anyway."""
    mine = leaves(REAL.inputs(plain=True))
    wanted = torch.autograd.grad(deform_sample_kernel(*mine, REAL.sizes).sum(), mine)
    torch.use_deterministic_algorithms(True)
    try:
        found = torch.autograd.grad(deform_sample_kernel(*mine, REAL.sizes).sum(), mine)
    finally:
        torch.use_deterministic_algorithms(False)
    assert all(torch.equal(a, b) for a, b in zip(found, wanted, strict=True))
