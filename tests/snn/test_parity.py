"""Our neurons against SpikingJelly 2: the same spikes bit for bit, the same gradients."""

import itertools

import pytest
import torch

from graph.neuron import Neuron
from snn import BACKENDS
from snn.neurons import integer_lif, integrate_and_fire

N = 37
RESETS = [("soft", 0.0), ("hard", 0.0), ("hard", -0.3)]
CASES = list(itertools.product((1, 2, 5, 16), RESETS, (False, True), (False, True), (("atan", 2.0), ("sigmoid", 4.0))))


def currents(steps: int, seed: int = 0) -> torch.Tensor:
    random = torch.Generator().manual_seed(seed)
    return (1.5 * torch.randn(steps, N, 3, generator=random) + 0.8).requires_grad_()


def surrogate_of(jelly, name: str, alpha: float):
    return {"atan": jelly.surrogate.ATan, "sigmoid": jelly.surrogate.Sigmoid}[name](alpha)


def compare(mine, theirs, x, *parameters):
    """Spikes equal bit for bit; gradients of one random projection within 1e-5."""
    assert torch.equal(mine, theirs)
    probe = torch.randn(mine.shape, generator=torch.Generator().manual_seed(9))
    (a,) = torch.autograd.grad((mine * probe).sum(), x, retain_graph=bool(parameters))
    (b,) = torch.autograd.grad((theirs * probe).sum(), x, retain_graph=bool(parameters))
    assert torch.allclose(a, b, atol=1e-5)
    assert a.abs().sum() > 0
    for own, other in parameters:
        (a,) = torch.autograd.grad((mine * probe).sum(), own, retain_graph=True)
        (b,) = torch.autograd.grad((theirs * probe).sum(), other, retain_graph=True)
        assert torch.allclose(a, b, atol=1e-3, rtol=1e-4) and a.abs() > 0


@pytest.mark.parametrize(("steps", "reset", "decay_input", "detach", "bump"), CASES)
def test_lif(jelly, steps, reset, decay_input, detach, bump):
    kind, v_reset = reset
    spec = Neuron(
        kind="lif",
        levels=1,
        tau=1.7,
        decay_input=decay_input,
        threshold=0.9,
        reset=kind,
        v_reset=v_reset,
        detach_reset=detach,
        surrogate=bump[0],
        alpha=bump[1],
    )
    node = jelly.LIFNode(
        tau=1.7,
        decay_input=decay_input,
        v_threshold=0.9,
        v_reset=None if kind == "soft" else v_reset,
        surrogate_function=surrogate_of(jelly, *bump),
        detach_reset=detach,
        step_mode="m",
    )
    x = currents(steps)
    compare(integrate_and_fire(x, spec), node(x), x)


@pytest.mark.parametrize("steps", [1, 4, 9])
@pytest.mark.parametrize("reset", RESETS)
@pytest.mark.parametrize("detach", [False, True])
def test_if(jelly, steps, reset, detach):
    kind, v_reset = reset
    spec = Neuron(kind="if", levels=1, reset=kind, v_reset=v_reset, detach_reset=detach)
    node = jelly.IFNode(
        v_reset=None if kind == "soft" else v_reset,
        surrogate_function=jelly.surrogate.ATan(2.0),
        detach_reset=detach,
        step_mode="m",
    )
    x = currents(steps, 1)
    compare(integrate_and_fire(x, spec), node(x), x)


@pytest.mark.parametrize("steps", [1, 3, 8])
@pytest.mark.parametrize("tau", [4 / 3, 2.0])
@pytest.mark.parametrize("levels", [2, 4])
def test_integer_lif(jelly, steps, tau, levels):
    spec = Neuron(kind="ilif", levels=levels, tau=tau)
    count = jelly.surrogate.MultiLevelSpikeCount(levels)
    node = jelly.ILIFNode(tau=tau, surrogate_function=count, detach_reset=True, step_mode="m")
    x = currents(steps, 2)
    compare(integer_lif(x, spec), node(x), x)


@pytest.mark.parametrize("steps", [1, 3, 8])
@pytest.mark.parametrize("reset", RESETS)
@pytest.mark.parametrize("decay_input", [False, True])
def test_parametric_lif(jelly, steps, reset, decay_input):
    kind, v_reset = reset
    spec = Neuron(kind="plif", levels=1, tau=1.6, reset=kind, v_reset=v_reset, decay_input=decay_input)
    mine = BACKENDS["native"].neurons(spec, False, steps)
    node = jelly.ParametricLIFNode(
        init_tau=1.6,
        decay_input=decay_input,
        v_reset=None if kind == "soft" else v_reset,
        surrogate_function=jelly.surrogate.ATan(2.0),
        detach_reset=True,
        step_mode="m",
    )
    assert mine.w.item() == pytest.approx(node.w.item())
    x = currents(steps, 3)
    weights = [(mine.w, node.w)] if steps > 1 or decay_input else []
    compare(mine(x.flatten(0, 1)).unflatten(0, (steps, N)), node(x), x, *weights)
