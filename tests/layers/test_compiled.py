"""The straight-through rounds under the compiler: the gradient survives (an in-place last operation would lose it)."""

import pytest
import torch
import torch._dynamo
from torch import Tensor, nn

from graph.neuron import Neuron
from graph.ops import Act, Site
from layers.quantise import Quantiser, clip_round
from layers.site import SpikeSite

pytestmark = pytest.mark.filterwarnings("ignore:.*should not be instantiated:DeprecationWarning")


class Composed(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.step = nn.Parameter(torch.tensor(0.7))

    def forward(self, x: Tensor) -> Tensor:
        return clip_round(x / self.step, 4)


def site() -> SpikeSite:
    return SpikeSite(
        Act(axis=-1, site=Site(name="s", step=0.7, channels=5, axis=-1)), Quantiser(Neuron(levels=4), False, 1)
    )


@pytest.mark.parametrize("make", [Composed, site])
def test_gradients_are_those_of_eager(make):
    torch._dynamo.reset()
    module = make()
    gradients = []
    for run in (module, torch.compile(module, backend="aot_eager", fullgraph=True)):
        x = (3 * torch.randn(40, 5, generator=torch.Generator().manual_seed(0))).requires_grad_()
        module.zero_grad()
        run(x).square().sum().backward()
        gradients.append((x.grad, module.step.grad.clone()))
    torch._dynamo.reset()
    assert all(torch.allclose(a, b) for a, b in zip(*gradients, strict=True))
    assert all(g.abs().sum() > 0 for g in gradients[0])


def test_one_piece_is_the_composition():
    """The site that only rounds is computed at once; value and both gradients are those of / step, round."""
    random = torch.Generator().manual_seed(0)
    for seed_step in (0.7, 0.05, 2.0):
        one, many = site(), Composed()
        for module in (one, many):
            module.step.data.fill_(seed_step)
        x = (3 * torch.randn(400, 5, generator=random)).requires_grad_()
        probe = torch.randn(400, 5, generator=random)
        a, b = one(x), many(x)
        assert torch.equal(a, b)
        (ax, astep), (bx, bstep) = (
            torch.autograd.grad((y * probe).sum(), (x, m.step)) for y, m in ((a, one), (b, many))
        )
        assert torch.allclose(ax, bx, atol=1e-6) and torch.allclose(astep, bstep, rtol=1e-3, atol=1e-3)
