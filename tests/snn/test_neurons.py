"""What a neuron does whatever the library: dtypes, state, signs, rounding."""

from typing import get_args

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from graph.neuron import Dynamics, Neuron
from layers.neurons import Neurons
from layers.quantise import Quantiser
from snn import BACKENDS
from snn.neurons import integer_lif, integrate_and_fire, signed_integrate_and_fire

KINDS = sorted(get_args(Dynamics))
STEPS = 6
OURS = ("native", "torch")  # whose neurons are of every kind
X = 2 * torch.randn(STEPS, 11, 3, generator=torch.Generator().manual_seed(0))


def spec(kind: str, **kw) -> Neuron:
    return Neuron(kind=kind, levels=4 if kind == "ilif" else 1, **kw)


def neurons(kind: str, signed: bool = False, **kw) -> Neurons:
    return BACKENDS["native"].neurons(spec(kind, **kw), signed, STEPS)


def run(kind: str, x: torch.Tensor, signed: bool = False, **kw) -> torch.Tensor:
    """x [T, ...] -> counts [T, ...], by the neurons that a network runs."""
    return neurons(kind, signed, **kw)(x.flatten(0, 1)).unflatten(0, x.shape[:2])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_state_is_fp32_whatever_comes_in(kind, signed, dtype):
    """Small currents on a large membrane: a half-precision state would lose them."""
    x = torch.full((6, 5), 0.0312).to(dtype)
    x[0] = 0.899
    found = run(kind, x, signed)
    assert found.dtype == dtype
    assert torch.equal(found.float(), run(kind, x.float(), signed))
    x = (2 * torch.randn(6, 5000, generator=torch.Generator().manual_seed(1))).to(dtype)
    assert torch.equal(run(kind, x, signed).float(), run(kind, x.float(), signed))


@pytest.mark.parametrize("run", [integrate_and_fire, signed_integrate_and_fire])
def test_small_currents_add_up(run):
    """In bfloat16 the membrane would stop at one half, where its spacing is four times the current."""
    steps = 1500
    x = torch.full((steps, 1), 1e-3, dtype=torch.bfloat16)
    assert run(x, Neuron(kind="if", levels=1)).float().sum().item() == 1


@pytest.mark.parametrize("kind", KINDS)
def test_no_state_outlives_a_call(kind):
    module = neurons(kind)
    flat = X.flatten(0, 1)
    first = module(flat)
    module(torch.randn_like(flat) * 9)
    assert torch.equal(module(flat), first) and first.shape == flat.shape


@pytest.mark.parametrize("kind", KINDS)
def test_steps_are_t_major_and_neurons_independent(kind):
    module = neurons(kind)
    whole = module(X.flatten(0, 1)).unflatten(0, (6, 11))
    for i in (0, 7):
        assert torch.equal(module(X[:, i]), whole[:, i])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("v_init", [0.0, 0.5])
def test_signed_neurons_are_odd(kind, v_init):
    x = X.clone().requires_grad_()
    up, down = (run(kind, s * x, True, v_init=v_init) for s in (1, -1))
    assert torch.equal(up, -down) and up.min() < 0 < up.max()
    (a,), (b,) = (torch.autograd.grad(y.square().sum(), x) for y in (up, down))
    assert torch.allclose(a, b, atol=1e-6)


@pytest.mark.parametrize("kind", ["if", "lif", "plif"])
def test_unsigned_spikes_are_binary(kind):
    assert set(run(kind, X).unique().tolist()) == {0.0, 1.0}
    assert set(run(kind, X, True).unique().tolist()) == {-1.0, 0.0, 1.0}


@pytest.mark.parametrize("signed", [False, True])
def test_integer_lif_counts(signed):
    found = run("ilif", 2 * X, signed)
    assert set(found.unique().tolist()) == {float(n) for n in range(-4 if signed else 0, 5)}


@given(st.integers(1, 8), st.booleans(), st.integers(0, 999))
def test_integer_lif_at_one_step_is_the_quantiser(levels, signed, seed):
    x = (levels * torch.randn(1, 50, generator=torch.Generator().manual_seed(seed))).requires_grad_()
    for backend in (BACKENDS[name] for name in OURS):
        a, b = (
            m(x)
            for m in (backend.neurons(Neuron(levels=levels), signed, 1), Quantiser(Neuron(levels=levels), signed, 1))
        )
        assert torch.equal(a, b)
        assert torch.equal(torch.autograd.grad(a.sum(), x)[0], torch.autograd.grad(b.sum(), x)[0])


@given(st.integers(1, 16), st.integers(0, 999))
def test_if_from_half_a_threshold_rounds(steps, seed):
    """T steps of a constant current x give round(T x) spikes, between 0 and T."""
    x = 1.6 * torch.rand(60, generator=torch.Generator().manual_seed(seed)) - 0.3
    x = x[((steps * x) % 1 - 0.5).abs() > 1e-3]
    x = x[(steps * x > 0) | (steps * x < -0.5)]
    one = Neuron(kind="if", levels=1, v_init=0.5)
    found = integrate_and_fire(x.expand(steps, -1), one).sum(0)
    assert torch.equal(found, (steps * x).round().clamp(0, steps))


@given(st.integers(1, 16), st.integers(0, 999))
def test_signed_if_rounds_both_ways(steps, seed):
    x = 2 * torch.rand(60, generator=torch.Generator().manual_seed(seed)) - 1
    x = x[((steps * x).abs() % 1 - 0.5).abs() > 1e-3]
    one = Neuron(kind="if", levels=1, v_init=0.5)
    assert torch.equal(signed_integrate_and_fire(x.expand(steps, -1), one).sum(0), (steps * x).round())


def by_hand(x: list[float], **kw) -> list[float]:
    one = Neuron(kind="if", levels=1, **kw)
    return integrate_and_fire(torch.tensor(x)[:, None], one).flatten().tolist()


def test_resets_by_hand():
    current = [1.75, 0.0, 0.5, 0.75]
    assert by_hand(current) == [1, 0, 1, 1]  # soft keeps 0.75
    assert by_hand(current, reset="hard") == [1, 0, 0, 1]  # hard starts again from 0
    assert by_hand(current, reset="hard", v_reset=-0.5) == [1, 0, 0, 0]  # and here from -1/2
    assert by_hand([0.6, 0.0], reset="hard", v_reset=0.5) == [1, 0]
    assert by_hand([1.0]) == [1]  # equality fires


def test_thresholds_scale():
    big = Neuron(kind="lif", levels=1, threshold=3.0)
    unit = Neuron(kind="lif", levels=1)
    assert torch.equal(
        integrate_and_fire(4 * X, Neuron(kind="lif", levels=1, threshold=4.0)), integrate_and_fire(X, unit)
    )
    assert integrate_and_fire(X, big).sum() < integrate_and_fire(X, unit).sum()


def test_integer_lif_remembers_what_was_cut_off():
    found = integer_lif(torch.tensor([[6.0], [0.0], [0.0]]), Neuron(levels=4, tau=2.0))
    assert found.flatten().tolist() == [4, 1, 0]  # (6 - 4) / 2 = 1


def test_bare_neurons_do_not_count():
    bare = Neurons(spec("if"), False, STEPS)
    with pytest.raises(TypeError, match="Neurons does not say how its neurons count"):
        bare(X.flatten(0, 1))
    with pytest.raises(TypeError, match="Neurons has no state to begin with"):
        bare.init_state(X[0])
    with pytest.raises(TypeError, match="Neurons cannot go step by step"):
        bare.step(X[0], X[0])


@pytest.mark.parametrize("backend", OURS)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("signed", [False, True])
def test_step_by_step_is_the_sequence(backend, kind, signed):
    module = BACKENDS[backend].neurons(spec(kind, v_init=0.3), signed, STEPS)
    norm, unit_step = torch.nn.BatchNorm1d(3).eval(), torch.tensor(0.7)
    norm.running_mean.fill_(0.2)
    whole = module(X.flatten(0, 1), unit_step, norm).unflatten(0, X.shape[:2])
    state = module.init_state(X[0])
    for x, wanted in zip(X, whole, strict=True):
        counts, state = module.step(x, state, unit_step, norm)
        assert torch.equal(counts, wanted)
