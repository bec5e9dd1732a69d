"""The bound holds for every input in range, from weights alone, and names the layer where it does not."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from events import Stream
from events.bounds import EXACT, bounds, fractional_bits
from graph.graph import Graph
from graph.meaning import evaluate
from graph.ops import Array, Conv, Input, Linear
from tests.events.test_runner import deployed
from tests.events.test_stream import attention

LARGEST = 2.0


def test_fractional_bits():
    assert [fractional_bits(np.array([x])) for x in (3.0, 0.5, -0.25, 0.0, 2.0**-7)] == [0, 1, 2, 0, 7]


@settings(max_examples=30)
@given(st.integers(1, 8), st.booleans(), st.integers(0, 99))
def test_no_sum_is_beyond_it(levels, signed, seed):
    """The worst counts there are: each as large as it can be, with the sign of its weight."""
    folded, arrays = deployed(attention(levels, signed), None, seed)
    graph = folded.graph
    shares = bounds(graph, arrays, LARGEST)
    assert "mixed" in shares, "products have a bound too"
    for name, node in graph.nodes.items():
        if not node.op.weighted:
            continue
        most = LARGEST if isinstance(graph[node.args[0]].op, Input) else levels
        weight = arrays[f"{name}.weight"]
        bias = arrays.get(f"{name}.bias", np.zeros(len(weight)))
        worst = max(float(np.abs(w).sum() * most + abs(b)) for w, b in zip(weight, bias, strict=True))
        assert worst * 2 ** fractional_bits(weight) / EXACT <= shares[name] + 1e-12
        if isinstance(node.op, Linear):
            row = np.sign(weight[np.abs(weight).sum(1).argmax()]) * most
            one = Graph()
            one.output("y", one(name, node.op, one("x", Input(dims=(1, weight.shape[1])))))
            made = evaluate(one, {k: v for k, v in arrays.items() if k.startswith(name)}, {"x": row[None, None]})[
                "out_y"
            ]
            assert np.abs(made).max() * 2 ** fractional_bits(weight) / EXACT <= shares[name] + 1e-12


def heavy(bits: int) -> tuple[Graph, dict[str, Array]]:
    g = Graph(name="heavy")
    g.output("y", g("stem", Conv(cin=1, cout=1, kernel=(3, 3)), g("x", Input(dims=(1, 4, 4), grid=6))))
    return g, {"stem.weight": np.full((1, 1, 3, 3), 1 + 2.0**-bits, np.float32)}


def test_a_layer_that_could_leave_it_is_named():
    """9 x 4 x 2**(bits + 6) grid steps: below 2**24 with 12 bits."""
    Stream(*heavy(12))
    with pytest.raises(ValueError, match="'stem' could form a sum of .* times 2"):
        Stream(*heavy(13))


def test_an_input_beyond_the_range_is_refused():
    stream = Stream(*heavy(4), largest=1.0)
    with pytest.raises(ValueError, match="an input holds 1.5, expected at most 1.0"):
        stream.step({"x": np.full((1, 1, 4, 4), 1.5, np.float32)})
