"""One whole graph for the compiler, in every dialect: forward and backward equal to eager."""

from collections.abc import Iterator

import pytest
import torch
import torch._dynamo
import torch._inductor.config
from torch import Tensor

from ann import ANN, QANN
from graph.lower import Network, lower
from graph.models import build
from graph.neuron import Neuron
from graph.passes import SpikeSpec, spikify
from snn import SNN

CLOSE = 1e-4
DIALECTS = ("ann", "qann", "ilif", "lif")

# torch's tracer instantiates autograd functions, which torch deprecates.
pytestmark = pytest.mark.filterwarnings("ignore:.*should not be instantiated:DeprecationWarning")


@pytest.fixture(autouse=True)
def clean() -> Iterator[None]:
    torch._dynamo.reset()
    yield
    torch._dynamo.reset()


def small(dialect: str, spec: str = "micro") -> Network:
    torch.manual_seed(0)
    graph = build("miavs", spec).pruned(["mask"])
    if dialect == "lif":
        table = SNN
        module = lower(spikify(graph, SpikeSpec(neuron=Neuron(kind="lif", levels=1), steps=2)), table)
    else:
        table = {"ann": ANN, "qann": QANN, "ilif": SNN}[dialect]
        module = lower(graph if dialect == "ann" else spikify(graph), table)
    for name, parameter in module.named_parameters():
        if name.endswith("fc.4.weight") or parameter.count_nonzero() == 0:
            parameter.data.normal_(0, 0.3)  # a layer that starts at nothing would leave nothing to compare
    return module


@pytest.mark.parametrize("dialect", DIALECTS)
def test_forward_is_one_graph(batch: dict[str, Tensor], dialect: str) -> None:
    module = small(dialect).eval()
    compiled = torch.compile(module, backend="aot_eager", fullgraph=True)
    with torch.no_grad():
        a, b = module(**batch)["mask"], compiled(**batch)["mask"]
    assert a.abs().max() > 1e-3 and torch.allclose(a, b, atol=CLOSE)


def trained(run: Network, module: Network, batch: dict[str, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
    module.zero_grad()
    found = run(**batch)["mask"]
    found.square().mean().backward()
    return found.detach(), {k: p.grad.clone() for k, p in module.named_parameters() if p.grad is not None}


def compare(module: Network, compiled: Network, batch: dict[str, Tensor]) -> None:
    (a, da), (b, db) = trained(module, module, batch), trained(compiled, module, batch)
    assert a.abs().max() > 1e-3 and torch.allclose(a, b, atol=CLOSE)
    assert set(da) == set(db) and len(da) > 50
    for key, wanted in da.items():
        assert (db[key] - wanted).norm() <= 1e-3 * wanted.norm() + 1e-6, key


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("dialect", DIALECTS)
def test_backward_is_one_graph(batch: dict[str, Tensor], dialect: str) -> None:
    """With the compiler's decompositions, as inductor has them: without, hardtanh's gradient has the wrong strides."""
    module = small(dialect).eval()
    compare(module, torch.compile(module, backend="aot_eager_decomp_partition", fullgraph=True), batch)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("dialect", DIALECTS)
def test_inductor_runs_tiny(dialect: str) -> None:
    module = small(dialect, "tiny").eval()
    batch = {"image": torch.randn(1, 3, 64, 64), "logmel": torch.randn(1, 1, 96, 64)}
    with torch._inductor.config.patch(pattern_matcher=False), torch.no_grad():
        a, b = module(**batch)["mask"], torch.compile(module, fullgraph=True)(**batch)["mask"]
    assert a.abs().max() > 1e-3 and torch.allclose(a, b, atol=CLOSE)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.filterwarnings("ignore")
def test_inductor_trains(batch: dict[str, Tensor]) -> None:
    module = small("ilif", "micro").eval()
    with torch._inductor.config.patch(pattern_matcher=False):
        compare(module, torch.compile(module, fullgraph=True), batch)
