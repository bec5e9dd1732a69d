"""On a GPU: the grid of ``test_lif_parity`` against the CPU's reference; streams, CUDA graphs, a second device."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from kernels import cupy_backend
from kernels.dynamics import Dynamics
from kernels.ops import lif
from tests.kernels.lif_cases import CASES, SIZES, Result, by_kernel, by_reference, compare

MISSING = "torch sees no CUDA device" if not torch.cuda.is_available() else cupy_backend.missing()
pytestmark = [pytest.mark.gpu, pytest.mark.skipif(MISSING is not None, reason=str(MISSING))]
NEURON = Dynamics(kind="lif", reset="soft")


def on_cpu(found: Result) -> Result:
    return Result(found.spikes.cpu(), found.membrane.cpu(), [g.cpu() for g in found.gradients])


def currents(*shape: int, dtype: torch.dtype = torch.bfloat16, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed)).to(dtype) * 1.5


@pytest.mark.parametrize("case", CASES, ids=str)
def test_parity(case):
    for neurons in SIZES:
        compare(case, on_cpu(by_kernel(case, neurons, "cuda")), by_reference(case, neurons))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_packed_spikes_are_the_spikes(dtype):
    """Bits on a GPU: no two threads may write the same byte."""
    x = currents(4, 12293, dtype=dtype)
    wanted = lif(x, NEURON, spikes="bits")
    assert torch.equal(lif(x.cuda(), NEURON, spikes="bits").cpu(), wanted)


def test_a_negative_count_fits_a_byte():
    signed = Dynamics(kind="ilif", rate=1.0, levels=4, signed=True)
    x = currents(4, 1000) * 2
    wanted = lif(x, signed, spikes="bytes")
    assert wanted.min() < 0
    assert torch.equal(lif(x.cuda(), signed, spikes="bytes").cpu(), wanted)


def test_subnormal_currents_are_not_flushed():
    x = torch.full((2, 64), 1e-40)
    quiet = Dynamics(kind="if", threshold=1e-40, edge=1e-40)
    assert lif(x.cuda(), quiet).cpu().sum() == lif(x, quiet).sum() > 0


@pytest.mark.parametrize("channels_last", [False, True])
def test_an_affine_and_a_residual(channels_last):
    x, side = currents(4, 2, 24, 5, 7, dtype=torch.float32), currents(4, 2, 24, 5, 7, dtype=torch.float32, seed=1)
    if channels_last:
        x, side = (t.permute(0, 1, 3, 4, 2).contiguous().permute(0, 1, 4, 2, 3) for t in (x, side))
    random = torch.Generator().manual_seed(2)
    scale, bias = torch.rand(24, generator=random) + 0.5, torch.randn(24, generator=random) * 0.1
    probe = currents(4, 2, 24, 5, 7, dtype=torch.float32, seed=3)
    found = []
    for device in ("cpu", "cuda"):
        inputs = [t.to(device).detach().requires_grad_() for t in (x, side, scale, bias)]
        out = lif(inputs[0], NEURON, scale=inputs[2], bias=inputs[3], residual=inputs[1])
        found.append([out.detach().cpu(), *(g.cpu() for g in torch.autograd.grad(out, inputs, probe.to(device)))])
    assert torch.equal(found[0][0], found[1][0])
    for mine, wanted in zip(found[1][1:], found[0][1:], strict=True):
        torch.testing.assert_close(mine, wanted, rtol=1e-5, atol=1e-4 if mine.ndim == 1 else 1e-5)


def test_a_pointer_that_is_not_aligned():
    whole = currents(4 * 1024 + 1)
    x = whole.cuda()[1:].view(4, 1024)
    assert x.data_ptr() % 16
    assert torch.equal(lif(x, NEURON).cpu(), lif(whole[1:].view(4, 1024), NEURON))


def test_the_current_stream_is_used():
    """The input is made late on a stream of its own; a launch on any other one would read it too early."""
    wanted = lif(currents(4, 1 << 20), NEURON)
    source = currents(4, 1 << 20).cuda()
    lif(source, NEURON)  # built and loaded
    torch.cuda.synchronize()
    stream = torch.cuda.Stream()
    with torch.cuda.stream(stream):
        x = torch.zeros_like(source)
        torch.cuda._sleep(50_000_000)
        x.copy_(source)
        found = lif(x, NEURON)
    stream.synchronize()
    assert torch.equal(found.cpu(), wanted)


def test_a_graph_holds_forward_and_backward():
    x = currents(4, 4096, dtype=torch.float32).cuda().requires_grad_()
    probe = torch.randn_like(x)

    def step() -> tuple[Tensor, Tensor]:
        out = lif(x, NEURON)
        return out, torch.autograd.grad(out, x, probe)[0]

    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        step()
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        captured = step()
    for seed in (5, 6):
        with torch.no_grad():
            x.copy_(currents(4, 4096, dtype=torch.float32, seed=seed))
        graph.replay()
        replayed = [t.clone() for t in captured]
        for found, wanted in zip(replayed, step(), strict=True):
            assert torch.equal(found, wanted)
        assert replayed[0].sum() > 0


def test_a_build_that_is_not_loaded_cannot_be_captured():
    x, rare = currents(3, 4096).cuda(), Dynamics(kind="lif", surrogate="triangle", decay_input=False)
    cupy_backend.module.cache_clear()
    cupy_backend.entry.cache_clear()
    with pytest.raises(RuntimeError, match="run the step once before"), torch.cuda.graph(torch.cuda.CUDAGraph()):
        lif(x, rare)
    torch.cuda.synchronize()
    assert torch.equal(lif(x, rare).cpu(), lif(x.cpu(), rare))


@pytest.mark.skipif(torch.cuda.device_count() < 2, reason="one device only")
def test_a_second_device_leaves_the_first_alone():
    x = currents(4, 4096)
    wanted, before = lif(x, NEURON), torch.cuda.memory_allocated(0)
    assert torch.cuda.current_device() == 0
    assert torch.equal(lif(x.to("cuda:1"), NEURON).cpu(), wanted)
    assert torch.cuda.current_device() == 0
    assert torch.cuda.memory_allocated(0) == before
    assert torch.equal(lif(x.to("cuda:0"), NEURON).cpu(), wanted)
