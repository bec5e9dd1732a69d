"""The straight-through rounds under the compiler: the gradient survives (an in-place last operation would lose it)."""

import pytest
import torch
import torch._dynamo

from graph.ops import Act, Site
from layers.quantise import ClipRound, clip_round
from layers.site import SpikeSite

pytestmark = pytest.mark.filterwarnings("ignore:.*should not be instantiated:DeprecationWarning")


def clip(x, step):
    return clip_round(x / step, 4) * step


def site(x, step):
    made = SpikeSite(Act(axis=-1, site=Site(name="s", learn=False, channels=5, axis=-1)), ClipRound(4, False))
    made.step = step
    return made(x)


@pytest.mark.parametrize("run", [clip, site])
def test_gradients_are_those_of_eager(run):
    torch._dynamo.reset()
    gradients = []
    for function in (run, torch.compile(run, backend="aot_eager", fullgraph=True)):
        x = (3 * torch.randn(40, 5, generator=torch.Generator().manual_seed(0))).requires_grad_()
        step = torch.tensor(0.7, requires_grad=True)
        function(x, step).square().sum().backward()
        gradients.append((x.grad, step.grad))
    torch._dynamo.reset()
    assert all(torch.allclose(a, b) for a, b in zip(*gradients, strict=True))
    assert all(g.abs().sum() > 0 for g in gradients[0])
