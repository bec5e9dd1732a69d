"""A ``Network`` is a module like any other: it can be copied, compiled, exported and checkpointed."""

from __future__ import annotations

import copy
from collections.abc import Iterator

import pytest
import torch
import torch._dynamo
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from graph.lower import Network, lower
from graph.lower.network import Scope
from graph.serial import same
from layers.site import SpikeSite

pytestmark = pytest.mark.filterwarnings("ignore:.*should not be instantiated:DeprecationWarning")
CLOSE = 1e-5


@pytest.fixture(autouse=True)
def clean() -> Iterator[None]:
    torch._dynamo.reset()
    yield
    torch._dynamo.reset()


@pytest.fixture
def network(make, request) -> Network:
    """MI-AVS tiny; layers that start at nothing are given numbers, so that there is something to compare."""
    torch.manual_seed(0)
    built: Network = lower(*make("miavs", request.param), outputs=["mask"]).eval()
    for name, parameter in built.named_parameters():
        if name.endswith("fc.4.weight") or parameter.count_nonzero() == 0:
            parameter.data.normal_(0, 0.3)
    return built


both = pytest.mark.parametrize("network", ["ann", "ilif"], indirect=True)
spiking = pytest.mark.parametrize("network", ["ilif", "lif"], indirect=True)


def trained(run, module: Network, batch: dict[str, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
    module.zero_grad()
    mask = run(**batch)["mask"]
    mask.square().mean().backward()
    return mask.detach(), {k: p.grad.clone() for k, p in module.named_parameters() if p.grad is not None}


def compare(a: tuple[Tensor, dict[str, Tensor]], b: tuple[Tensor, dict[str, Tensor]], close: float) -> None:
    assert a[0].abs().max() > 1e-3 and (a[0] - b[0]).abs().max() <= close * a[0].abs().max()
    assert set(a[1]) == set(b[1]) and len(a[1]) > 50
    for key, wanted in a[1].items():
        assert (b[1][key] - wanted).norm() <= 1e-3 * wanted.norm() + 1e-6, key


@spiking
def test_a_copy_has_a_graph_sites_and_norms_of_its_own(network, batch):
    twin = copy.deepcopy(network)
    assert same(twin.graph, network.graph) and twin.graph is not network.graph
    assert twin.code == network.code and list(twin.state_dict()) == list(network.state_dict())
    mine, theirs = ({id(m) for m in n.modules()} for n in (twin, network))
    assert not mine & theirs
    borrowed = [m.__dict__["sites"] for m in twin.modules() if isinstance(m, Scope) and "sites" in m.__dict__]
    assert len(borrowed) > 10 and all(sites is twin.get_submodule("sites") for sites in borrowed)
    lent = [m.__dict__["front"] for m in twin.modules() if isinstance(m, SpikeSite) and m.__dict__["front"] is not None]
    assert len(lent) == len(network.lent) > 0 and all(id(norm) in mine for norm in lent)
    before = network(**batch)["mask"].detach()
    assert torch.equal(twin(**batch)["mask"], before)
    with torch.no_grad():
        for parameter in twin.parameters():
            parameter.mul_(1.7)
    assert torch.equal(network(**batch)["mask"], before) and not torch.equal(twin(**batch)["mask"], before)


@both
@pytest.mark.timeout(600)
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of the compiler's own imports
def test_compiled_as_one_graph_it_computes_and_learns_the_same(network, batch):
    """With the compiler's decompositions, as inductor has them: without, hardtanh's gradient has the wrong strides."""
    compiled = torch.compile(network, fullgraph=True, backend="aot_eager_decomp_partition")
    compare(trained(network, network, batch), trained(compiled, network, batch), CLOSE)


@both
@pytest.mark.timeout(600)
def test_exported_it_computes_the_same(network, batch):
    with torch.no_grad():
        program = torch.export.export(network, (), dict(batch))
        wanted, exported = network(**batch)["mask"], program.module()(**batch)["mask"]
    assert wanted.abs().max() > 1e-3 and torch.allclose(exported, wanted, atol=CLOSE)


@both
@pytest.mark.parametrize("path", ["backbone", "backbone.stage2.0"])
def test_activation_checkpoints_give_the_same_gradients(network, batch, path):
    plain = trained(network, network, batch)
    scope = network.get_submodule(path)
    assert isinstance(scope, Scope)
    run, calls = scope.__dict__["run"], []

    def again(module: Scope, *inputs: Tensor):
        calls.append(path)
        return run(module, *inputs)

    scope.__dict__["run"] = lambda module, *inputs: checkpoint(again, module, *inputs, use_reentrant=False)
    kept = trained(network, network, batch)
    assert calls == [path] * 2, "forward, and once more in backward"
    compare(plain, kept, 0.0)
