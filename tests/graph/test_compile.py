"""One whole graph for the compiler, in every dialect: forward and backward equal to eager."""

from collections.abc import Iterator

import pytest
import torch
import torch._dynamo
import torch._inductor.config

from ann import ANN
from graph.lower import lower
from graph.models import build

SAVED = 1e-4


@pytest.fixture(autouse=True)
def clean() -> Iterator[None]:
    torch._dynamo.reset()
    yield
    torch._dynamo.reset()


def warm(module, batch):
    """Layers that start at zero would leave their inputs without a gradient to compare."""
    random = torch.Generator().manual_seed(3)
    for parameter in module.parameters():
        if parameter.count_nonzero() == 0:
            parameter.data.normal_(0, 0.1, generator=random)
    return module.eval()


def compare(module, compiled, batch):
    grads = []
    for run in (module, compiled):
        module.zero_grad()
        found = run(**batch)
        found["mask"].square().mean().backward()
        grads.append((found, {k: p.grad.clone() for k, p in module.named_parameters() if p.grad is not None}))
    (a, da), (b, db) = grads
    assert all(torch.allclose(a[k], b[k], atol=SAVED, rtol=SAVED) for k in a) and a["mask"].abs().max() > 0
    assert set(da) == set(db) and len(da) > 50
    assert all(torch.allclose(da[k], db[k], atol=SAVED, rtol=1e-3) for k in da)


@pytest.mark.parametrize("dialect", ["ann", "qann", "ilif", "lif"])
def test_one_graph(make, batch, dialect):
    module = warm(lower(*make("miavs", dialect)), batch)
    compare(module, torch.compile(module, backend="aot_eager", fullgraph=True), batch)


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("dialect", ["ann", "ilif"])
def test_inductor(make, batch, dialect):
    graph = build("miavs", "micro")
    _, table = make("miavs", dialect)
    if dialect == "ilif":
        from graph.passes import spikify

        graph = spikify(graph)
    module = warm(lower(graph, table if dialect == "ilif" else ANN), batch)
    with torch._inductor.config.patch(pattern_matcher=False):
        compare(module, torch.compile(module, fullgraph=True), batch)
