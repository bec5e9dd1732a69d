"""``deform.cu``, the GPU's form, run thread by thread on a CPU: shuffles over a head, and sums that have no order."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from kernels import deform
from kernels.spike_words import pack
from tests.kernels.deform_cases import TOLERANCE, Case, by_reference, close

# threads of a head: 8, 4 of which one has no channel, 16 of which six have none, 2
CASES = [
    Case(),
    Case(channels=24, dtype=torch.bfloat16),
    Case(channels=40, levels=2, points=3, planes=2, signed=True),
    Case(channels=8, levels=2, points=3, planes=1, dtype=torch.float16),
]


def call_of(case, inputs):
    value, offset, weight, reference = inputs
    words = pack(value, case.planes, case.signed) if case.planes else None
    return deform.Call(
        value=None if case.planes else value,
        words=words,
        offset=offset,
        weight=weight,
        reference=reference,
        levels=case.sizes,
        channels=case.channels,
        signed=case.signed,
    )


def built(call, *more, fixed=False):
    what = call.form(fixed).threads()
    return replace(what, constants=(*what.constants, *((name, 1) for name in more)))


def gradients(call, what, grad):
    others = (torch.empty_like(call.offset), torch.empty_like(call.weight))
    return (deform.threads_backward(call, what, grad, *others), *others)


@pytest.mark.parametrize(("case", "threads"), [*zip(CASES, (8, 4, 16, 2), strict=True)], ids=str)
def test_threads_that_share_a_head(case, threads):
    inputs = case.inputs(queries=19)
    call = call_of(case, inputs)
    what = built(call, "SHIM_FIBRES")
    assert dict(what.constants)["TPH"] == threads
    out = deform.room(call)
    deform.by_threads(call, what, "deform_forward", out)
    probe = torch.randn(out.shape, generator=torch.Generator().manual_seed(9)).to(case.dtype)
    wanted, expected = by_reference(inputs, case, probe)
    forward, backward = TOLERANCE[case.dtype]
    close(out, wanted, forward)
    for found, gradient in zip(gradients(call, what, probe), expected[:3], strict=True):
        close(found, gradient, backward)


ALONE = Case(channels=4, levels=2, points=3)  # one thread a head: no fibres needed


@pytest.mark.parametrize("size", [1e-30, 1.0, 1e12])
def test_integer_sums_are_the_gradient_whatever_its_size(size):
    inputs = ALONE.inputs(queries=300, plain=True)
    call = call_of(ALONE, inputs)
    probe = size * torch.randn(2, 300, 12, generator=torch.Generator().manual_seed(9))
    found, *_ = gradients(call, built(call, fixed=True), probe)
    _, (wanted, *_) = by_reference(inputs, ALONE, probe / size)
    close(found / size, wanted, 1e-6)


def test_integer_sums_have_no_order():
    """Blocks run backwards: float sums differ in their last bits, integers do not."""
    call = call_of(ALONE, ALONE.inputs(queries=600, plain=True))
    probe = torch.randn(2, 600, 12, generator=torch.Generator().manual_seed(9))
    runs = {
        fixed: [gradients(call, built(call, *order, fixed=fixed), probe)[0] for order in ((), ("SHIM_REVERSED",))]
        for fixed in (False, True)
    }
    assert torch.equal(*runs[True])
    assert not torch.equal(*runs[False])
    close(runs[True][0], runs[False][0], 1e-5)


def test_a_gradient_without_a_number_stays_visible():
    call = call_of(ALONE, ALONE.inputs(plain=True))
    probe = torch.ones(2, 7, 12)
    probe[0, 0, 0] = torch.inf
    found, *_ = gradients(call, built(call, fixed=True), probe)
    assert found.isnan().all()


def test_the_scale_leaves_room_for_the_sum():
    for size in (1e-36, 1.0, 3e30):
        scale = deform.fixed_scale(torch.tensor([-size]), torch.tensor([0.5]), 1000)
        assert scale[0] * scale[1] == 1 and size * 0.5 * 1000 * float(scale[0]) < 2**62
    assert torch.equal(deform.fixed_scale(torch.zeros(1), torch.ones(1), 7).isfinite(), torch.tensor([True, True]))


@pytest.mark.parametrize(
    ("channels", "dtype", "per_thread", "threads"),
    [
        (32, torch.float32, 4, 8),
        (32, torch.float16, 8, 4),
        (24, torch.bfloat16, 8, 4),
        (20, torch.float16, 4, 8),
        (5, torch.float32, 1, 8),
        (64, torch.float32, 4, 16),
    ],
)
def test_who_does_what(channels, dtype, per_thread, threads):
    form = deform.Form(dtype=dtype, levels=1, points=1, channels=channels)
    assert (form.channels_per_thread, form.threads_per_head) == (per_thread, threads)


def test_a_head_that_does_not_fit_says_so():
    form = deform.Form(dtype=torch.float32, levels=1, points=1, channels=33)
    with pytest.raises(ValueError, match="a head of 33 channels would need 64 threads, expected at most 32.* is 40"):
        form.threads()
