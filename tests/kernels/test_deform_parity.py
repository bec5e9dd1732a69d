"""Deformable sampling on a CPU against ``layers.deform``: values, gradients, and exact sums on a dyadic grid."""

from __future__ import annotations

import pytest
import torch

from kernels import deform
from kernels.deform_ops import flat
from layers.deform import deform_sample
from layers.deform_kernel import deform_sample_counts, deform_sample_kernel
from tests.kernels.deform_cases import SIZES, TOLERANCE, Case, by_reference, close, leaves, on_a_grid

REAL = [
    Case(),
    Case(channels=8, levels=1, points=1),
    Case(channels=24, levels=2, points=3),
    Case(channels=5, levels=2, points=3),
    Case(channels=64, levels=2, points=3),
    Case(dtype=torch.float16),
    Case(dtype=torch.bfloat16),
]
COUNTS = [
    Case(planes=1),
    Case(planes=1, channels=8, levels=1, points=1, dtype=torch.float16),
    Case(planes=2, channels=40, levels=2, points=3),
    Case(planes=3, channels=24, signed=True),
    Case(planes=3, channels=64, levels=2, points=3, signed=True),
    Case(planes=4, channels=16, levels=2, points=3),
]


def by_kernel(case, tensors):
    if case.planes:
        return deform_sample_counts(*tensors, case.sizes, most=case.most, signed=case.signed)
    return deform_sample_kernel(*tensors, case.sizes)


@pytest.mark.parametrize("wide", [False, True], ids=["one-reference", "references"])
@pytest.mark.parametrize("case", REAL + COUNTS, ids=str)
def test_value_and_gradients(case, wide):
    inputs = case.inputs(wide=wide, seed=int(wide))
    mine = leaves(inputs)
    out = by_kernel(case, mine)
    probe = torch.randn(out.shape, generator=torch.Generator().manual_seed(9)).to(case.dtype)
    wanted, gradients = by_reference(inputs, case, probe)
    forward, backward = TOLERANCE[case.dtype]
    assert out.dtype == case.dtype
    close(out, wanted, forward)
    for found, gradient, leaf in zip(torch.autograd.grad(out, mine, probe), gradients, mine, strict=True):
        assert found.dtype == leaf.dtype
        close(found, gradient, backward)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("case", [c for c in REAL + COUNTS if c.dtype == torch.float32], ids=str)
def test_exact_on_a_dyadic_grid(case, seed):
    inputs = on_a_grid(case, seed)
    mine, theirs = leaves(inputs), leaves(inputs)
    found, wanted = by_kernel(case, mine), deform_sample(*theirs, case.sizes)
    assert torch.equal(found, wanted)
    probe = torch.randint(-3, 4, found.shape, generator=torch.Generator().manual_seed(seed)).float()
    gradients = (torch.autograd.grad(y, x[:3], probe) for y, x in ((found, mine), (wanted, theirs)))
    assert all(torch.equal(a, b) for a, b in zip(*gradients, strict=True))


@pytest.mark.parametrize("case", [Case(), Case(planes=1)], ids=str)
def test_a_location_without_a_number_reads_zero(case):
    value, offset, weight, reference = case.inputs(plain=True)
    for wrong in (torch.nan, torch.inf, -torch.inf, 3e38):
        mine = leaves((value, torch.full_like(offset, wrong), weight, reference))
        out = by_kernel(case, mine)
        assert torch.count_nonzero(out) == 0
        assert all(torch.count_nonzero(g) == 0 for g in torch.autograd.grad(out.sum(), mine))


@pytest.mark.parametrize("case", [Case(), Case(planes=3, channels=24, signed=True)], ids=str)
def test_a_silent_weight_hides_what_it_would_read(case):
    """A sample of weight 0 adds nothing, but what its weight should have been is learnt."""
    value, offset, weight, reference = case.inputs(plain=True)
    mine = leaves((value, offset, weight * 0, reference))
    out = by_kernel(case, mine)
    assert torch.count_nonzero(out) == 0
    gradients = torch.autograd.grad(out.sum(), mine)
    assert [bool(g.any()) for g in gradients] == [False, False, True, False]


def test_the_border_belongs_to_the_level():
    """Taps at -1 + 1/4 and at W - 1/4: a quarter of the outermost pixel; at -1 and at W nothing."""
    case = Case(channels=8, levels=1, points=1)
    value, offset, weight, reference = (
        torch.zeros_like(t) for t in case.inputs(batch=1, queries=4, heads=1, plain=True)
    )
    value += torch.arange(1.0, 16.0)[:, None, None]
    for query, x in enumerate((-0.75, 4.75, -1.0, 5.0)):
        offset[0, query, 0, 0, 0] = torch.tensor([x, 0.0]) + 0.5
    found = deform_sample_kernel(value, offset, weight + 1, reference, case.sizes)
    assert found[0, :, 0].tolist() == [0.25, 1.25, 0.0, 0.0]


def test_strides_do_not_matter():
    case = Case()
    value, offset, weight, reference = case.inputs(seed=3)
    strided = (
        value.transpose(1, 3).contiguous().transpose(1, 3),
        offset.flip(-1).flip(-1).transpose(0, 1).contiguous().transpose(0, 1),
        weight.repeat_interleave(2, -1)[..., ::2],
        reference.expand(2, -1, -1, -1),
    )
    assert not any(t.is_contiguous() for t in strided)
    wanted = deform_sample_kernel(value, offset, weight, reference, case.sizes)
    assert torch.equal(deform_sample_kernel(*strided, case.sizes), wanted)


@pytest.mark.parametrize(("batch", "queries", "heads"), [(1, 1, 1), (3, 5, 1), (1, 70, 2)])
def test_any_number_of_queries(batch, queries, heads):
    case = Case()
    inputs = case.inputs(batch=batch, queries=queries, heads=heads, plain=True)
    mine = leaves(inputs)
    out = deform_sample_kernel(*mine, case.sizes)
    wanted, gradients = by_reference(inputs, case, torch.ones_like(out))
    close(out, wanted, 1e-5)
    for found, gradient in zip(torch.autograd.grad(out.sum(), mine), gradients, strict=True):
        close(found, gradient, 1e-4)


@pytest.mark.parametrize(("batch", "queries"), [(2, 0), (0, 5)])
def test_nothing_to_do(batch, queries):
    case = Case(planes=1)
    mine = leaves(case.inputs(batch=batch, queries=queries, plain=True))
    for run in (deform_sample_kernel(*mine, case.sizes), by_kernel(case, mine)):
        assert run.shape == (batch, queries, 96)
        assert all(torch.count_nonzero(g) == 0 for g in torch.autograd.grad(run.sum(), mine))


@pytest.mark.parametrize("case", [Case(), Case(planes=1)], ids=str)
def test_threads_and_runs_change_no_bit(case):
    """Parts of a slice in several threads; and the same again."""
    inputs = case.inputs(batch=1, queries=37, heads=1, plain=True)

    def run():
        mine = leaves(inputs)
        out = by_kernel(case, mine)
        return [out.detach(), *torch.autograd.grad(out.square().sum(), mine)]

    once, before = run(), torch.get_num_threads()
    try:
        torch.set_num_threads(3)
        again = run()
    finally:
        torch.set_num_threads(before)
    assert all(torch.equal(a, b) for a, b in zip(once, again, strict=True))


def call_of(case, inputs, **other):
    value, offset, weight, reference = inputs
    given = {"value": value, "offset": offset, "weight": weight, "reference": reference, **other}
    return deform.Call(levels=case.sizes, channels=case.channels, **given)


@pytest.mark.parametrize("name", ["value", "offset", "weight", "reference"])
def test_a_wrong_shape_is_named(name):
    case = Case()
    inputs = dict(zip(("value", "offset", "weight", "reference"), case.inputs(), strict=True))
    wrong = inputs[name][:, 1:]
    with pytest.raises(ValueError, match=r"has shape .*expected" if name != "offset" else "expected"):
        deform.forward(call_of(case, case.inputs(), **{name: wrong}))


def test_a_wrong_batch_of_references_and_a_wrong_type_are_named():
    case = Case()
    value, offset, weight, reference = case.inputs()
    with pytest.raises(ValueError, match="reference has a batch of 3, expected 1 or 2"):
        deform.forward(call_of(case, (value, offset, weight, reference.expand(3, -1, -1, -1))))
    with pytest.raises(TypeError, match="float64, expected one of float32, float16, bfloat16"):
        deform_sample_kernel(value.double(), offset, weight, reference, case.sizes)


def test_levels_as_numbers():
    assert flat(SIZES[2]) == [8, 4, 1, 1]
    assert deform.table_of(SIZES[3], torch.device("cpu")).tolist() == [[5, 7, 0], [4, 2, 35], [2, 2, 43]]
