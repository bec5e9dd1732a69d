"""``spikeavs::lif`` as a torch operator: its contract, the compiler, what it keeps for the backward pass, refusals."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from graph.neuron import Neuron
from kernels.dynamics import Dynamics
from kernels.ops import lif, lif_backward_op, lif_op
from snn.native import NativeNeurons

SOFT = Dynamics()


def full(x: torch.Tensor, spikes: str = "same", last: bool = True):
    channels = x.shape[2]
    random = torch.Generator().manual_seed(1)
    numbers = [torch.rand(n, generator=random).requires_grad_() for n in (channels, channels)]
    side, v0 = (
        torch.randn(x.shape, generator=random).requires_grad_(),
        torch.randn(x.shape[1:], generator=random).requires_grad_(),
    )
    rate, step = torch.tensor(0.4, requires_grad=True), torch.tensor(0.7, requires_grad=True)
    return (x, v0, rate, *numbers, side, step, SOFT.text, 2, spikes, last)


def test_opcheck_with_every_part():
    torch.library.opcheck(lif_op, full(torch.randn(4, 3, 5, 7, 3, requires_grad=True)))


@pytest.mark.parametrize("spikes", ["same", "bytes", "bits"])
def test_opcheck_bare_and_not_contiguous(spikes):
    x = torch.randn(3, 4, 5).transpose(0, 1).requires_grad_(spikes == "same")
    torch.library.opcheck(lif_op, (x, None, None, None, None, None, None, SOFT.text, 0, spikes, False))


def test_opcheck_of_the_backward():
    x, v0, rate, scale, bias, side, step, text, channel, _, _ = full(torch.randn(4, 3, 5, 2))
    leaves = [t.detach() for t in (v0, rate, scale, bias, side, step)]
    torch.library.opcheck(lif_backward_op, (torch.randn_like(x), torch.randn_like(x[0]), x, *leaves, text, channel))


@pytest.mark.parametrize("kind", ["lif", "plif", "ilif"])
def test_compiled_in_one_graph(kind):
    torch.manual_seed(0)  # of the weights: a neuron that never fires would have no gradient here
    neuron = NativeNeurons(Neuron(kind=kind, levels=4 if kind == "ilif" else 1), signed=False, steps=4)
    model = nn.Sequential(nn.Linear(13, 11), neuron, nn.Linear(11, 3))
    x = 3 * torch.randn(8, 13, generator=torch.Generator().manual_seed(2))
    found = []
    for run in (model, torch.compile(model, fullgraph=True, backend="aot_eager")):
        model.zero_grad()
        y = run(x)
        y.square().sum().backward()
        found.append([y.detach(), *(p.grad.clone() for p in model.parameters())])
    for a, b in zip(*found, strict=True):
        assert torch.equal(a, b) and a.abs().sum() > 0


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of the compiler's own imports
def test_compiled_by_inductor():
    torch.manual_seed(0)
    neuron = NativeNeurons(Neuron(kind="lif", levels=1), signed=False, steps=4)
    layer = nn.Linear(13, 11)

    def loss(x: torch.Tensor) -> torch.Tensor:
        return neuron(layer(x)).square().mean()

    x = (2 * torch.randn(8, 13, generator=torch.Generator().manual_seed(3))).requires_grad_()
    (wanted,) = torch.autograd.grad(loss(x), x)
    with torch._inductor.config.patch(pattern_matcher=False):
        (found,) = torch.autograd.grad(torch.compile(loss, fullgraph=True)(x), x)
    torch.testing.assert_close(found, wanted)
    assert wanted.abs().sum() > 0


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("steps", [4, 17])
def test_only_the_input_is_kept(dtype, steps):
    """Bytes kept for the backward pass per neuron and step: the input's own."""
    x = torch.randn(steps, 5003).to(dtype).requires_grad_()
    kept: list[torch.Tensor] = []
    with torch.autograd.graph.saved_tensors_hooks(lambda t: kept.append(t) or t, lambda t: t):
        y = lif(x, SOFT)
    assert sum(t.numel() * t.element_size() for t in kept) == x.numel() * x.element_size()
    y.sum().backward()
    assert x.grad is not None and x.grad.abs().sum() > 0


def test_gradients_are_the_same_in_every_run():
    torch.set_num_threads(2)
    try:
        runs = []
        for _ in range(3):
            args = full(torch.randn(4, 8, 6, 40, generator=torch.Generator().manual_seed(4)).requires_grad_())
            runs.append(
                torch.autograd.grad(lif_op(*args)[0].square().sum(), [a for a in args if isinstance(a, torch.Tensor)])
            )
    finally:
        torch.set_num_threads(1)
    for other in runs[1:]:
        assert all(torch.equal(a, b) for a, b in zip(runs[0], other, strict=True))


REFUSED = {
    "type": (torch.zeros(4, 3, dtype=torch.float64), {}, "x is torch.float64, expected one of torch.float32"),
    "steps": (torch.zeros(0, 3), {}, r"x has shape \(0, 3\), expected \[T, \.\.\.\] with at least one step"),
    "alone": (torch.zeros(4, 3, 2), {"scale": torch.ones(2)}, "scale and bias come together"),
    "shape": (
        torch.zeros(4, 3, 2),
        {"scale": torch.ones(3), "bias": torch.ones(3)},
        r"expected \[2\] as dimension 2",
    ),
    "word": (torch.zeros(4, 3), {"spikes": "nibbles"}, "spikes is 'nibbles', expected one of same, bytes, bits"),
    "rows": (
        torch.zeros(4, 3, 2),
        {"scale": torch.ones(2), "bias": torch.ones(2), "spikes": "bits"},
        "whole bytes",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refusals(name):
    x, more, sentence = REFUSED[name]
    with pytest.raises(ValueError, match=sentence):
        lif(x, SOFT, **more)


def test_counts_do_not_fit_bits():
    with pytest.raises(ValueError, match="expected 'bytes' for counts"):
        lif(torch.zeros(4, 3), Dynamics(kind="ilif", levels=4), spikes="bits")
    with pytest.raises(ValueError, match="expected reset 'soft'"):
        Dynamics(signed=True, reset="hard")
