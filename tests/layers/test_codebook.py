"""A codebook: the nearest entry exactly, gradients straight through, entries that follow the running means."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ann import ANN
from graph.graph import Graph
from graph.lower import lower
from graph.ops import Codebook, Input, SquaredError
from graph.serial import dumps, loads
from layers.codebook import Codebook as Module
from layers.codebook import squared_error


def made(entries: int = 5, dim: int = 3, **changes: float) -> Module:
    torch.manual_seed(0)
    return Module(Codebook(entries=entries, dim=dim, **changes))


def brute_nearest(rows: np.ndarray, entries: np.ndarray) -> list[int]:
    """One distance at a time; a later entry must be strictly nearer."""
    chosen = []
    for row in rows:
        best = 0
        for k in range(1, len(entries)):
            if sum((row - entries[k]) ** 2) < sum((row - entries[best]) ** 2):
                best = k
        chosen.append(best)
    return chosen


@settings(max_examples=60, deadline=None, derandomize=True)
@given(data=st.data(), entries=st.integers(1, 6), dim=st.integers(1, 4), rows=st.integers(1, 5))
def test_nearest_is_exact_and_ties_go_to_the_first(data, entries, dim, rows):
    """On a coarse dyadic grid, where nothing rounds and ties are frequent."""
    halves = st.integers(-4, 4).map(lambda n: n / 2)
    book = made(entries, dim)
    book.entries.copy_(
        torch.tensor(data.draw(st.lists(halves, min_size=entries * dim, max_size=entries * dim))).reshape(entries, dim)
    )
    x = torch.tensor(data.draw(st.lists(halves, min_size=rows * dim, max_size=rows * dim))).reshape(1, rows, dim)
    wanted = brute_nearest(x[0].double().numpy(), book.entries.double().numpy())
    assert book.nearest(x[0]).tolist() == wanted
    assert torch.equal(book(x)[0], book.entries[wanted])


def test_equal_entries_answer_as_the_first():
    book = made(4, 2)
    book.entries.copy_(torch.tensor([[1.0, 1.0], [0.0, 2.0], [0.0, 2.0], [2.0, 0.0]]))
    x = torch.tensor([[0.0, 2.5], [1.0, 1.0], [0.5, 1.5], [1.5, 0.5]])
    assert book.nearest(x).tolist() == [1, 0, 0, 0]


def test_the_gradient_goes_straight_through():
    book = made()
    x = torch.randn(2, 4, 3, requires_grad=True)
    y = book(x, update=True)
    upstream = torch.randn_like(y)
    y.backward(upstream)
    assert torch.equal(x.grad, upstream)
    assert not list(book.parameters()) and not any(b.requires_grad for b in book.buffers())


def test_running_means_equal_a_loop():
    book = made(6, 3, decay=0.9).double()
    entries, sums, counts = (b.numpy().copy() for b in (book.entries, book.sums, book.counts))
    random = torch.Generator().manual_seed(1)
    for _ in range(7):
        x = torch.randn(2, 4, 3, generator=random).double()
        rows = x.reshape(-1, 3).numpy()
        chosen = brute_nearest(rows, entries)
        assert np.allclose(book(x, update=True).reshape(-1, 3).numpy(), entries[chosen])  # the entries of before
        hits, total = np.zeros(6), np.zeros((6, 3))
        for row, k in zip(rows, chosen, strict=True):
            hits[k] += 1
            total[k] += row
        counts = 0.9 * counts + (1 - 0.9) * hits
        counts = (counts + 1e-5) * counts.sum() / (counts.sum() + 6 * 1e-5)
        sums = 0.9 * sums + (1 - 0.9) * total
        entries = sums / counts[:, None]
        for found, wanted in ((book.counts, counts), (book.sums, sums), (book.entries, entries)):
            assert np.allclose(found.numpy(), wanted, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(("training", "update"), [(False, True), (True, False), (False, False)])
def test_nothing_moves_in_eval_or_unasked(training, update):
    book = made().train(training)
    before = {k: v.clone() for k, v in book.state_dict().items()}
    book(torch.randn(8, 3), update=update)
    assert set(before) == {"entries", "counts", "sums"}
    assert all(torch.equal(v, before[k]) for k, v in book.state_dict().items())


def test_entries_find_clusters_and_dead_ones_stay_finite():
    book = made(8, 2)
    random = torch.Generator().manual_seed(2)
    centres = torch.tensor([[3.0, 3.0], [-3.0, -3.0]])
    for _ in range(3000):
        x = centres[torch.randint(2, (16,), generator=random)] + 0.1 * torch.randn(16, 2, generator=random)
        book(x, update=True)
    assert all(b.isfinite().all() for b in book.buffers())
    assert book.entries.abs().max() < 4
    found = book.entries[book.nearest(centres)]
    assert (found - centres).abs().max() < 0.1


def test_it_is_deterministic():
    x = torch.randn(16, 3, generator=torch.Generator().manual_seed(3))
    books = [made(), made()]
    for book in books:
        book(x, update=True)
    assert all(torch.equal(a, b) for a, b in zip(books[0].buffers(), books[1].buffers(), strict=True))


def test_the_target_of_a_squared_error_is_constant():
    x, target = (torch.randn(2, *s).requires_grad_() for s in ((3, 4, 5), (1, 4, 5)))
    y = squared_error(x, target, 0.25)
    assert y.shape == (2, 1)
    wanted = 0.25 * ((x - target) ** 2).reshape(2, -1).mean(1, keepdim=True)
    assert torch.allclose(y, wanted)
    y.sum().backward()
    assert target.grad is None and torch.allclose(x.grad, 0.5 * (x - target) / 60)


def shared() -> Graph:
    g = Graph(name="shared")
    x = g("x", Input(dims=(4, 3)))
    g.output("first", g("first", Codebook(entries=5, dim=3, updates=True), x, weights="book"))
    g.output("second", g("second", Codebook(entries=5, dim=3), x, weights="book"))
    return g


def test_one_node_of_a_shared_codebook_moves_it():
    graph = shared()
    module = lower(graph, ANN)
    assert set(module.state_dict()) == {"book.entries", "book.counts", "book.sums"}
    assert module.code.count("update = True") == 1 and graph.parameters() == 0
    x = torch.randn(2, 4, 3)
    before = module.book.entries.clone()
    out = module(x=x)
    after = module.book.entries.clone()
    reader = made()
    reader.entries.copy_(before)
    assert not torch.equal(before, after) and torch.equal(out["first"], reader(x))
    reader.entries.copy_(after)
    assert torch.equal(out["second"], reader(x))  # reads what the first has learnt
    alone = lower(graph, ANN, outputs=["second"])
    alone(x=x)
    assert torch.equal(alone.book.entries, alone.book.sums)  # untouched


def test_a_file_keeps_who_moves_it():
    again = loads(dumps(shared()))
    assert [again[n].op.updates for n in ("first", "second")] == [True, False]
    assert dumps(again) == dumps(shared())


def test_misuse_is_an_error():
    g = shared()
    with pytest.raises(ValueError, match="'third' shares weights 'book'"):
        g("third", Codebook(entries=6, dim=3), "x", weights="book")
    with pytest.raises(ValueError, match="'wide': Codebook holds entries of 4 features, found 3"):
        g("wide", Codebook(entries=5, dim=4), "x")
    with pytest.raises(ValueError, match="'loss'.*does not broadcast"):
        g("loss", SquaredError(), g("row", Input(dims=(1, 3))), "x")
