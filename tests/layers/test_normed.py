"""Batch norm and neurons in one, against the norm and then ``snn.neurons``: counts, gradients, running statistics."""

from __future__ import annotations

from copy import deepcopy

import pytest
import torch
from torch import Tensor, nn

from graph.neuron import Neuron
from kernels.normed_ops import normed_lif_backward_op, normed_lif_op
from layers.normed import is_fused, normed_counts
from layers.weighted import ChannelBatchNorm
from snn.modules import TorchNeurons
from snn.native import NativeNeurons, dynamics

LIF, COUNTS = Neuron(kind="lif", levels=1, tau=1.7), Neuron(kind="ilif", levels=4)
# Images channels-first and channels-last, an odd number of pixels, one channel; tokens.
SHAPES = {
    "images": ((2, 5, 7, 3), "first"),
    "channels last": ((3, 16, 9, 8), "last"),
    "one channel": ((2, 1, 5, 3), "first"),
    "wide": ((1, 3, 20, 33), "first"),
    "tokens": ((3, 37, 12), "tokens"),
    "one token": ((5, 9), "tokens"),
}


def norm_and_input(shape: str, steps: int, seed: int = 0) -> tuple[nn.modules.batchnorm._BatchNorm, Tensor]:
    """A norm with numbers of its own, and an input whose mean is ten times its spread."""
    random = torch.Generator().manual_seed(seed)
    (batch, *others), layout = SHAPES[shape]
    x = 0.5 * torch.randn(batch * steps, *others, generator=random) + 5.0
    if layout == "last":
        x = x.to(memory_format=torch.channels_last)
    norm = ChannelBatchNorm(others[-1]) if layout == "tokens" else nn.BatchNorm2d(others[0])
    for name, tensor in norm.state_dict().items():
        if tensor.ndim:
            tensor.copy_(torch.rand(tensor.shape, generator=random) + (0.3 if "mean" not in name else 4.5))
    return norm, x


def relative(found: Tensor, wanted: Tensor) -> float:
    return float((found - wanted).norm() / wanted.norm().clamp(min=1e-12))


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize(
    ("neuron", "steps"), [(COUNTS, 1), (COUNTS, 3), (LIF, 4), (LIF, 11)], ids=("ilif-1", "ilif-3", "lif-4", "lif-11")
)
@pytest.mark.parametrize("shape", SHAPES)
def test_counts_gradients_and_statistics(shape, neuron, steps, training):
    """The judge computes in double precision, so that every difference is ours; ties apart, counts are the same."""
    norm, x = norm_and_input(shape, steps)
    judge = deepcopy(norm).double()
    for module in (norm, judge):
        module.train(training)
    mine = [x.clone().requires_grad_(), torch.tensor(0.3, requires_grad=True)]
    theirs = [x.double().requires_grad_(), torch.tensor(0.3, dtype=torch.float64, requires_grad=True)]
    found = normed_counts(mine[0], norm, mine[1], dynamics(neuron, True), steps)
    wanted = TorchNeurons(neuron, True, steps)(theirs[0], theirs[1], judge)
    assert (found != wanted).float().mean() < 1e-3 and found.abs().sum() > 0
    assert found.stride() == x.stride()
    probe = torch.randn(x.shape, generator=torch.Generator().manual_seed(1))
    mine_of = torch.autograd.grad(found, [*mine, norm.weight, norm.bias], probe)
    judge_of = torch.autograd.grad(wanted, [*theirs, judge.weight, judge.bias], probe.double())
    if torch.equal(found.double(), wanted):
        terms = float(judge_of[0].abs().sum())  # the step's gradient is a sum of them, of either sign
        for a, b in zip(mine_of, judge_of, strict=True):
            assert relative(a.double(), b) < 1e-5 or (b.ndim == 0 and abs(a - b) < 1e-6 * terms)
    for name, tensor in judge.state_dict().items():
        torch.testing.assert_close(norm.state_dict()[name].to(tensor.dtype), tensor, rtol=1e-6, atol=1e-6)


def test_one_shape_in_two_layouts():
    """What is kept of a shape is kept of its layout too."""
    norm, x = norm_and_input("channels last", 1)
    norm.eval()
    last, first = (normed_counts(y, norm, torch.tensor(0.3), dynamics(COUNTS), 1) for y in (x, x.contiguous()))
    assert torch.equal(last, first) and last.stride() != first.stride() and first.sum() > 0


def test_share_of_ties():
    """Against torch's own norm in single precision: of a million counts a few in a hundred thousand differ, by one."""
    norm = nn.BatchNorm2d(16)
    x = 2 * torch.randn(64, 16, 32, 32, generator=torch.Generator().manual_seed(2)) + 1
    step = torch.tensor(0.4)
    found = normed_counts(x, norm, step, dynamics(COUNTS), 1)
    wanted = TorchNeurons(COUNTS, False, 1)(x, step, norm)
    differ = (found - wanted).abs()
    assert differ.max() <= 1 and differ.mean() < 2e-5


@pytest.mark.parametrize("momentum", [0.1, None])
def test_running_statistics_run_as_torchs_do(momentum):
    norm = nn.BatchNorm2d(5, momentum=momentum)
    judge = deepcopy(norm)
    for seed in range(3):
        _, x = norm_and_input("images", 4, seed)
        normed_counts(x, norm, None, dynamics(LIF), 4)
        judge(x)
    assert norm.num_batches_tracked == 3
    for name in ("running_mean", "running_var"):
        torch.testing.assert_close(getattr(norm, name), getattr(judge, name), rtol=1e-6, atol=1e-6)


def test_only_the_input_is_kept():
    norm, x = norm_and_input("channels last", 4)
    kept: list[Tensor] = []
    with torch.autograd.graph.saved_tensors_hooks(lambda t: kept.append(t) or t, lambda t: t):
        normed_counts(x.requires_grad_(), norm, torch.tensor(0.3), dynamics(LIF), 4)
    assert sum(t.numel() for t in kept) <= x.numel() + 5 * norm.num_features + 1


def test_a_learnt_leak_has_its_gradient():
    norm, x = norm_and_input("images", 4)
    found = []
    for run in (NativeNeurons, TorchNeurons):
        neurons, own = run(Neuron(kind="plif", levels=1), False, 4), deepcopy(norm)
        counts = neurons(x, torch.tensor(0.4), own)
        (grad,) = torch.autograd.grad(counts.square().sum(), neurons.w)
        found.append((counts, grad))
    assert torch.equal(found[0][0], found[1][0])
    torch.testing.assert_close(found[0][1], found[1][1], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_sixteen_bits(dtype):
    """The judge rounds the norm's output to 16 bits, we do not: more than a few counts may differ, by one."""
    norm, x = norm_and_input("channels last", 1)
    x = x.to(dtype).requires_grad_()
    found = normed_counts(x, norm, torch.tensor(0.3), dynamics(COUNTS), 1)
    wanted = TorchNeurons(COUNTS, False, 1)(x.float(), torch.tensor(0.3), deepcopy(norm))
    assert found.dtype == dtype and torch.equal(found.float(), wanted)
    a, b = (torch.autograd.grad(y.float().square().sum(), x)[0].float() for y in (found, wanted))
    assert relative(a, b) < 0.01


def test_the_operator_keeps_its_contract():
    norm, x = norm_and_input("channels last", 4)
    x = x.requires_grad_()
    weight, bias = norm.weight, norm.bias
    step, rate = torch.tensor(0.3, requires_grad=True), torch.tensor(0.4, requires_grad=True)
    text = dynamics(LIF).text
    for mean, var in ((None, None), (norm.running_mean, norm.running_var)):
        torch.library.opcheck(normed_lif_op, (x, weight, bias, mean, var, step, rate, text, 4, 1, 1e-5))
    numbers = torch.rand(5, 16) + 0.5
    plain = (torch.randn_like(x), x.detach(), numbers, step.detach(), None, text, 4, 1, 1e-5, True)
    torch.library.opcheck(normed_lif_backward_op, plain)


def test_compiled_in_one_graph():
    norm, x = norm_and_input("tokens", 4)
    found = []
    for compiled in (False, True):
        own, leaf, step = deepcopy(norm), x.clone().requires_grad_(), torch.tensor(0.3, requires_grad=True)
        neurons = NativeNeurons(LIF, False, 4)

        def run(x, step, own=own, neurons=neurons):
            return neurons(x, step, own).square().mean()

        loss = (torch.compile(run, fullgraph=True, backend="aot_eager") if compiled else run)(leaf, step)
        grads = torch.autograd.grad(loss, [leaf, step, *own.parameters()])
        found.append(([loss.detach(), *grads], own.state_dict()))
    (mine, state), (compiled, compiled_state) = found
    assert all(torch.equal(a, b) for a, b in zip(mine, compiled, strict=True))
    for name, tensor in state.items():  # moved by the kernel, or by torch, which rounds once less
        torch.testing.assert_close(compiled_state[name], tensor, rtol=1e-6, atol=0.0)


@pytest.mark.parametrize("neuron", [LIF, COUNTS], ids=lambda neuron: neuron.kind)
def test_step_by_step_is_all_at_once(neuron):
    norm, x = norm_and_input("channels last", 4)
    neurons, unit = NativeNeurons(neuron, False, 4), torch.tensor(0.3)
    whole = neurons(x, unit, norm.eval()).unflatten(0, (4, -1))
    state = neurons.init_state(x[:3])
    for now, wanted in zip(x.unflatten(0, (4, -1)), whole, strict=True):
        counts, state = neurons.step(now, state, unit, norm)
        assert torch.equal(counts, wanted)
    assert whole.sum() > 0


def test_what_is_fused():
    assert is_fused(nn.BatchNorm2d(3)) and is_fused(ChannelBatchNorm(3))
    plain = (None, nn.LayerNorm(3), nn.BatchNorm2d(3, affine=False), nn.BatchNorm2d(3, track_running_stats=False))
    assert not any(is_fused(norm) for norm in plain)


def test_one_value_has_no_variance():
    with pytest.raises(ValueError, match="expected more than one value per channel when training"):
        normed_counts(torch.zeros(1, 3), ChannelBatchNorm(3), None, dynamics(LIF), 1)
