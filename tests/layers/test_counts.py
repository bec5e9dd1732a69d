"""Weighted sums of counts against the plain function of n and W unit: values, gradients, what is kept, the compiler."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from layers.counts import conv_of_counts, linear_of_counts

pytestmark = pytest.mark.filterwarnings("ignore:.*should not be instantiated:DeprecationWarning")
# cin, cout, kernel, then stride, padding, dilation, groups.
CONVS = {
    "plain": (6, 5, 3, (1, 1), (1, 1), (1, 1), 1),
    "stride": (6, 5, 3, (2, 1), (0, 2), (1, 1), 1),
    "dilated": (4, 3, 3, (1, 1), (2, 2), (2, 2), 1),
    "grouped": (6, 4, 3, (1, 1), (1, 1), (1, 1), 2),
    "depthwise": (6, 6, 3, (1, 1), (1, 1), (1, 1), 6),
    "pointwise": (6, 7, 1, (1, 1), (0, 0), (1, 1), 1),
}
LAYOUTS = {"first": torch.contiguous_format, "last": torch.channels_last}


@pytest.fixture(autouse=True)
def everything_is_large(monkeypatch):
    monkeypatch.setattr("layers.counts.LARGE", 0)


def counts(*shape: int, dtype: torch.dtype = torch.float32, most: int = 4) -> Tensor:
    random = torch.Generator().manual_seed(1)
    return torch.randint(-most, most + 1, shape, generator=random).to(dtype)


def numbers(*shape: int, dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(2)).to(dtype)


def leaves(*tensors: Tensor | None) -> list[Tensor | None]:
    return [None if t is None else t.clone().requires_grad_() for t in tensors]


def agree(mine: Tensor, wanted: Tensor, given: list[Tensor | None], same: list[Tensor | None], bound: float) -> None:
    torch.testing.assert_close(mine, wanted, rtol=0.0, atol=0.0)
    probe = numbers(*wanted.shape, dtype=wanted.dtype)
    found = torch.autograd.grad(mine, [t for t in given if t is not None], probe)
    judged = torch.autograd.grad(wanted, [t for t in same if t is not None], probe)
    for a, b in zip(found, judged, strict=True):
        assert a.shape == b.shape and a.dtype == b.dtype
        torch.testing.assert_close(a, b, rtol=bound, atol=bound * float(b.abs().max()))


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("unit", [False, True])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16], ids=str)
@pytest.mark.parametrize("name", CONVS)
def test_conv(name, dtype, unit, bias, layout):
    cin, cout, side, *form = CONVS[name]
    n = counts(3, cin, 9, 7, dtype=dtype).to(memory_format=LAYOUTS[layout])
    weight = numbers(cout, cin // form[-1], side, side, dtype=dtype)
    given = (n, weight, torch.tensor(0.3, dtype=dtype) if unit else None, numbers(cout, dtype=dtype) if bias else None)
    mine, same = leaves(*given), leaves(*given)
    found = conv_of_counts(*mine, *form)
    wanted = F.conv2d(same[0], same[1] * same[2] if unit else same[1], same[3], *form)
    assert found.stride() == wanted.stride()
    agree(found, wanted, mine, same, {torch.float64: 1e-12, torch.float32: 1e-5, torch.bfloat16: 0.03}[dtype])


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("unit", [False, True])
@pytest.mark.parametrize("shape", [(5, 6), (3, 7, 6), (2, 3, 5, 6)])
def test_linear(shape, unit, bias):
    for dtype, bound in ((torch.float64, 1e-12), (torch.float32, 1e-5)):
        given = (
            counts(*shape, dtype=dtype),
            numbers(4, 6, dtype=dtype),
            torch.tensor(0.3, dtype=dtype) if unit else None,
            numbers(4, dtype=dtype) if bias else None,
        )
        mine, same = leaves(*given), leaves(*given)
        wanted = F.linear(same[0], same[1] * same[2] if unit else same[1], same[3])
        agree(linear_of_counts(*mine), wanted, mine, same, bound)


def kept(run) -> int:
    """Bytes that a call keeps for the backward pass, parameters aside."""
    found: dict[int, int] = {}

    def pack(t: Tensor) -> Tensor:
        if not isinstance(t, nn.Parameter):
            found[t.untyped_storage().data_ptr()] = t.untyped_storage().nbytes()
        return t

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda t: t):
        run()
    return sum(found.values())


def test_counts_are_kept_in_bytes():
    n, unit = counts(4, 8, 16, 16).requires_grad_(), nn.Parameter(torch.tensor(0.5))
    weight, matrix = nn.Parameter(numbers(8, 8, 3, 3)), nn.Parameter(numbers(5, 16))
    assert kept(lambda: F.conv2d(n, weight)) == 4 * n.numel()
    products = 4 * weight.numel(), 4 * matrix.numel()  # weight times unit
    assert kept(lambda: conv_of_counts(n, weight, unit)) == n.numel() + products[0]
    assert kept(lambda: linear_of_counts(n, matrix, unit)) == n.numel() + products[1]
    assert kept(lambda: conv_of_counts(n, weight, unit, most=128)) == 4 * n.numel() + products[0]
    with torch.no_grad():
        assert kept(lambda: conv_of_counts(n, weight, unit)) == 0


def test_a_small_map_is_kept_as_it_comes(monkeypatch):
    n, weight = counts(4, 8, 16, 16).requires_grad_(), nn.Parameter(numbers(8, 8, 3, 3))
    for large, size in ((n.numel(), 4), (n.numel() - 1, 1)):
        monkeypatch.setattr("layers.counts.LARGE", large)
        assert kept(lambda: conv_of_counts(n, weight)) == size * n.numel()


def test_counts_beyond_a_byte_stay_what_they_are():
    n, weight = 200 + counts(2, 6), numbers(3, 6).requires_grad_()
    (found,) = torch.autograd.grad(linear_of_counts(n, weight, most=204).sum(), weight)
    assert torch.equal(found, n.sum(0).expand(3, -1))


def test_only_what_is_wanted_has_a_gradient():
    n, weight, unit = counts(2, 6, 5, 5), numbers(4, 6, 3, 3), torch.tensor(0.5, requires_grad=True)
    (found,) = torch.autograd.grad(conv_of_counts(n, weight, unit).sum(), unit)
    torch.testing.assert_close(found, F.conv2d(n, weight).sum())
    assert not conv_of_counts(n, weight, unit.detach()).requires_grad


class Two(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.weight, self.matrix = nn.Parameter(numbers(8, 6, 3, 3)), nn.Parameter(numbers(5, 7))
        self.bias, self.unit = nn.Parameter(numbers(8)), nn.Parameter(torch.tensor(0.5))

    def forward(self, n: Tensor) -> Tensor:
        y = conv_of_counts(n, self.weight, self.unit, self.bias)
        return linear_of_counts(y.round(), self.matrix, self.unit)


def test_compiled_in_one_graph():
    n, model = counts(2, 6, 9, 9), Two()
    found = []
    for run in (model, torch.compile(model, fullgraph=True, backend="aot_eager")):
        y = run(n)
        found.append([y, *torch.autograd.grad(y.square().sum(), model.parameters())])
    for a, b in zip(*found, strict=True):
        torch.testing.assert_close(a, b)


def test_exported():
    n, model = counts(2, 6, 9, 9), Two()
    for grad in (False, True):
        with torch.set_grad_enabled(grad):
            program = torch.export.export(model, (n,))
            torch.testing.assert_close(program.module()(n), model(n))


class OneType(TorchDispatchMode):
    """A GPU refuses a convolution's backward of two types, which a CPU computes."""

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        if func is torch.ops.aten.convolution_backward.default:
            assert len({t.dtype for t in args[:3]}) == 1
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("unit", [False, True])
def test_sixteen_bits_beside_single_precision(unit):
    """Under autocast dy has 16 bits, n and W have not: gradients are those of the plain functions under it."""
    n, scale = counts(3, 6, 9, 7), torch.tensor(0.5) if unit else None
    for weight, mine, plain in (
        (numbers(5, 6, 3, 3), conv_of_counts, F.conv2d),
        (numbers(5, 7), linear_of_counts, F.linear),
    ):
        gradients = []
        for run in (mine, plain):
            given = [t for t in leaves(n, weight, scale) if t is not None]
            whole = given[1:] if run is mine else [given[1] * given[2] if unit else given[1]]
            with torch.autocast("cpu", dtype=torch.bfloat16):
                out = run(given[0], *whole)
            assert out.dtype == torch.bfloat16
            with OneType():
                gradients.append(torch.autograd.grad(out.float().square().sum(), given))
        for a, b in zip(*gradients, strict=True):
            assert a.dtype == b.dtype == torch.float32
            torch.testing.assert_close(a, b, rtol=2e-2, atol=2e-2 * float(b.abs().max()))
