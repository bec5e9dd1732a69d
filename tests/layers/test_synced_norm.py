"""Batch norms of several processes: alone they are torch's; two halves on two processes are the whole batch."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
import torch
import torch.distributed as dist
from torch import Tensor, nn

import layers.synced_norm
from layers.synced_norm import SyncedBatchNorm2d, SyncedChannelBatchNorm, synchronise
from layers.weighted import ChannelBatchNorm


@pytest.fixture
def alone(tmp_path) -> Iterator[None]:
    dist.init_process_group("gloo", init_method=f"file://{tmp_path}/meeting", rank=0, world_size=1)
    yield
    dist.destroy_process_group()


def norm(kind: type[nn.Module], **options) -> nn.Module:
    torch.manual_seed(0)
    module = kind(5, **options).double()
    if module.affine:
        nn.init.normal_(module.weight)
        nn.init.normal_(module.bias)
    return module


def values(kind: type[nn.Module], rows: int = 6) -> Tensor:
    shape = (rows, 5, 3, 7) if kind is nn.BatchNorm2d else (rows, 7, 5)
    return torch.randn(shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64) * 3 + 1


def worked(module: nn.Module, x: Tensor) -> dict[str, Tensor]:
    """Output, gradients, and the running statistics after two batches."""
    for part in (x, x * 2):
        x_in = part.clone().requires_grad_()
        y = module(x_in)
        module.zero_grad()
        (y * torch.arange(y.numel(), dtype=y.dtype).reshape(y.shape).cos()).sum().backward()
    grads = {f"grad {name}": p.grad for name, p in module.named_parameters()}
    return {"y": y.detach(), "grad x": x_in.grad, **grads, **dict(module.named_buffers())}


@pytest.mark.parametrize("kind", [nn.BatchNorm2d, ChannelBatchNorm])
@pytest.mark.parametrize("options", [{}, {"momentum": None}, {"affine": False}, {"track_running_stats": False}])
def test_alone_it_is_torchs(kind, options, alone):
    plain, synced = norm(kind, **options), norm(kind, **options)
    synchronise(synced)
    assert type(synced) in (SyncedBatchNorm2d, SyncedChannelBatchNorm)
    expected, actual = worked(plain, values(kind)), worked(synced, values(kind))
    assert expected.keys() == actual.keys()
    for name in expected:
        torch.testing.assert_close(actual[name], expected[name], rtol=1e-9, atol=1e-9)


def test_after_training_it_does_not_ask_the_others():
    """No process group is open here: a message would fail."""
    plain, synced = norm(nn.BatchNorm2d).eval(), norm(nn.BatchNorm2d).eval()
    synchronise(synced)
    assert torch.equal(plain(values(nn.BatchNorm2d)), synced(values(nn.BatchNorm2d)))


def test_half_precision_is_added_up_in_single(alone):
    module = nn.BatchNorm2d(5)
    synchronise(module)
    x = values(nn.BatchNorm2d).bfloat16() + 100
    y = module(x)
    assert y.dtype is torch.bfloat16
    torch.testing.assert_close(y, nn.BatchNorm2d(5)(x.float()).bfloat16())


def test_norms_inside_a_network_keep_their_names_and_numbers(alone):
    network = nn.Sequential(nn.Conv2d(3, 5, 1), norm(nn.BatchNorm2d).float(), nn.LayerNorm(4))
    before = {name: value.clone() for name, value in network.state_dict().items()}
    parts = list(network)
    synchronise(network)
    assert all(a is b for a, b in zip(parts, network, strict=True))
    assert all(torch.equal(before[name], value) for name, value in network.state_dict().items())
    assert [type(part) for part in network] == [nn.Conv2d, SyncedBatchNorm2d, nn.LayerNorm]


class Sums:
    """What two processes would do, by two threads: each sum waits for the other's part."""

    def __init__(self) -> None:
        self.meeting, self.parts = threading.Barrier(2, timeout=20), {}

    def __call__(self, value: Tensor) -> Tensor:
        self.parts[threading.get_ident()] = value.detach().clone()
        self.meeting.wait()
        total = sum(self.parts.values())
        self.meeting.wait()
        return total


def test_two_halves_have_the_statistics_of_the_whole(monkeypatch):
    sums = Sums()
    monkeypatch.setattr(layers.synced_norm, "all_reduce", sums)
    monkeypatch.setattr(layers.synced_norm.dist, "all_reduce", lambda value: value.copy_(sums(value)))
    whole, halves = norm(nn.BatchNorm2d), [norm(nn.BatchNorm2d) for _ in range(2)]
    x = values(nn.BatchNorm2d)
    expected, outputs = whole(x), [torch.empty(0)] * 2

    def work(half: int) -> None:
        synchronise(halves[half])
        outputs[half] = halves[half](x[:2] if half == 0 else x[2:]).detach()

    threads = [threading.Thread(target=work, args=(half,)) for half in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    torch.testing.assert_close(torch.cat(outputs), expected.detach())
    for half in halves:
        torch.testing.assert_close(half.running_mean, whole.running_mean)
        torch.testing.assert_close(half.running_var, whole.running_var)
