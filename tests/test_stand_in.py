"""The stand-in for a GPU refuses what CUDA refuses, allows what it allows, and computes real numbers."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from tests.stand_in import DEVICE, Held, StandIn, WrongDevice


@pytest.fixture(autouse=True)
def device():
    with StandIn() as found:
        yield found


def there(*values):
    return torch.tensor(values, device=DEVICE)


REFUSED = {
    "a sum": lambda: there(1.0, 2.0) + torch.ones(2),
    "a sum in place": lambda: torch.zeros(2).add_(there(1.0, 2.0)),
    "a sum in place of a number": lambda: torch.zeros(()).add_(there(1.0, 2.0).sum()),
    "a stack of numbers": lambda: torch.stack([there(1.0).sum(), torch.zeros(())]),
    "a product": lambda: torch.ones(2, 2, device=DEVICE) @ torch.ones(2),
    "an index of the other": lambda: torch.ones(3)[there(1)],
    "a generator": lambda: torch.zeros(2, device=DEVICE).uniform_(generator=torch.Generator()),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cuda_refuses(name):
    with pytest.raises(WrongDevice):
        REFUSED[name]()


ALLOWED = {
    "a number": (lambda: there(1.0, 2.0) + torch.ones(()), [2.0, 3.0]),
    "a copy": (lambda: torch.zeros(2).copy_(there(1.0, 2.0)), [1.0, 2.0]),
    "a copy to it": (lambda: there(1.0, 2.0).copy_(torch.ones(2)), [1.0, 1.0]),
    "an index": (lambda: there(1.0, 2.0)[torch.tensor([1])], [2.0]),
    "a view that is written to": (lambda: there(1.0, 2.0).view(1, 2).mul_(2)[0], [2.0, 4.0]),
    "another shape in place": (lambda: there(1.0, 2.0).view(1, 2).squeeze_(0), [1.0, 2.0]),
}


@pytest.mark.parametrize("name", ALLOWED)
def test_what_cuda_allows(name):
    found, wanted = ALLOWED[name]
    assert found().tolist() == wanted
    assert found().cpu().shape == (len(wanted),)


def test_a_module_trains_as_on_the_cpu(device):
    torch.manual_seed(0)
    ours = nn.Sequential(nn.Conv2d(2, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Conv2d(4, 1, 1))
    other, x = copy.deepcopy(ours).to(DEVICE), torch.randn(3, 2, 6, 6)
    assert {t.device for t in other.state_dict().values()} == {DEVICE}
    for module, value in ((ours, x), (other, x.to(DEVICE))):
        optimizer = torch.optim.AdamW(module.parameters(), foreach=False)
        for _ in range(2):
            module(value).square().mean().backward()
            optimizer.step()
    for name, value in other.state_dict().items():
        assert isinstance(value, Held) and torch.equal(value.cpu(), ours.state_dict()[name]), name
    assert device.ran["convolution"] == device.elsewhere["convolution"] == 4


def test_a_module_is_whole():
    module = nn.BatchNorm2d(2).to(DEVICE).eval()
    module(torch.ones(1, 2, 3, 3, device=DEVICE))
    module.forgotten = torch.ones(())
    with pytest.raises(WrongDevice, match="forgotten"):
        module(torch.ones(1, 2, 3, 3, device=DEVICE))
    with pytest.raises(WrongDevice, match="input"):
        nn.ReLU()(torch.ones(1)) + nn.Linear(1, 1).to(DEVICE)(torch.ones(1))
