"""What NIR holds it holds truly: read back by us and by Norse it fires the same spikes; what it cannot is refused."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from safetensors.numpy import load

from ann import ANN
from convert.calibrate import calibrate
from convert.export import arrays_of
from convert.fold import fold_network
from convert.nir_check import alone, difference, film_of
from convert.nir_form import ALONE, coverage, nir_graph, parts_of, whole_graph
from convert.nir_read import from_nir
from graph.graph import Graph
from graph.lower import lower
from graph.meaning import evaluate
from graph.models import build
from graph.neuron import Neuron
from graph.ops import Act, Add, Conv, Expand, Input, Linear, Norm, Pool, View
from graph.passes import SpikeSpec, spikify
from snn import SNN

nir = pytest.importorskip("nir")
STEPS = 16
HARD = {"kind": "lif", "levels": 1, "reset": "hard"}


def residual() -> Graph:
    """A block with a shortcut, an average, and a linear layer behind it, of 16 steps."""
    g = Graph(name="residual")
    x = g("stem", Conv(cin=2, cout=4, kernel=(3, 3), padding=1, bias=True), g("x", Input(dims=(2, 6, 6))))
    y = g("conv1", Conv(cin=4, cout=4, kernel=(3, 3), padding=1), g("act1", Act(), x))
    y = g("conv2", Conv(cin=4, cout=4, kernel=(1, 1)), g("act2", Act(), g("norm", Norm(channels=4), y)))
    y = g("act3", Act(), g("sum", Add(), x, y))
    y = g("conv3", Conv(cin=4, cout=3, kernel=(3, 3), bias=True), g("pool", Pool(fn="avg"), y))
    y = g("flat", View(pattern="c h w -> (c h w)"), g("act4", Act(), y))
    y = g("act5", Act(axis=-1), g("fc1", Linear(cin=3, cout=5), y))
    g.output("y", g("fc2", Linear(cin=5, cout=2), y))
    return g


def spiking(graph: Graph, **neuron):
    """Folded, of random weights, calibrated on random frames."""
    torch.manual_seed(0)
    ann = lower(graph, ANN).eval()
    with torch.no_grad():
        for name, value in ann.state_dict().items():
            if name.endswith("running_var"):
                value.uniform_(0.5, 2)
            elif name.endswith(("running_mean", "bias")):
                value.normal_(0, 0.3)
    spec = SpikeSpec(neuron=Neuron(**{**HARD, **neuron}), steps=STEPS, signed=False)
    network = lower(spikify(graph, spec), SNN).eval()
    network.load_state_dict(ann.state_dict(), strict=False)
    batch = {n: torch.randn(4, *v.op.dims) for n, v in graph.nodes.items() if isinstance(v.op, Input)}
    calibrate(ann, network, batch, 0.9)
    return fold_network(network)


def numbers(network):
    return {name: np.asarray(x) for name, x in load(arrays_of(network)).items()}


def by_us(source, film) -> dict[str, np.ndarray]:
    """A NIR graph, read and run step by step."""
    graph, state = from_nir(source)
    network = lower(graph, SNN, stateful=True)
    network.network.load_state_dict({k: torch.from_numpy(np.asarray(v)) for k, v in state.items()})
    steps, memory = [], None
    for t in range(STEPS):
        frame = {f"in_{n.replace('.', '_')}": torch.from_numpy(x[t : t + 1]) for n, x in film.items()}
        outputs, memory = network(memory, **{n: x for n, x in frame.items() if n in graph.nodes})
        steps.append({name: value.numpy() for name, value in outputs.items()})
    return {name: np.concatenate([s[name] for s in steps]) for name in steps[0]}


NEURONS = (
    {},
    {"kind": "if"},
    {"tau": 3.0, "decay_input": False},
    {"kind": "plif", "tau": 1.5},
    {"v_reset": -0.25, "threshold": 1.5},
)


@pytest.mark.parametrize("neuron", NEURONS, ids=str)
def test_read_back_it_fires_the_same_spikes(neuron, tmp_path):
    network = spiking(residual(), **neuron)
    parts, reasons = parts_of(network.graph)
    assert [set(names) & {"conv1", "conv2", "conv3", "fc1", "fc2", "sum", "pool"} for names in parts] == [
        {"conv1", "conv2", "sum"},
        {"pool", "conv3"},
        {"fc1", "fc2"},
    ]
    assert "NIR has no View" in reasons.values() and reasons["stem"] == "computed once a frame, before the steps"
    state, rates = numbers(network), []
    for names in parts:
        part = alone(network.graph, names, STEPS)
        film = film_of(part)
        wanted = evaluate(part, state, film)
        nir.write(tmp_path / "part.nir", nir_graph(network.graph, state, names))
        found = by_us(nir.read(tmp_path / "part.nir"), film)
        assert set(found) == set(part.outputs)
        for output, name in part.outputs.items():
            np.testing.assert_allclose(found[output], wanted[name], atol=1e-5)
        assert difference(network.graph, state, names, nir.read(tmp_path / "part.nir")) < 1e-5
        rates += [wanted[name].mean() for name in names if name.startswith("sites.")]
    assert sum(0 < rate < 1 for rate in rates) >= 3, "they fire, and not always"


@pytest.mark.filterwarnings("ignore:nirtorch.load is being deprecated:DeprecationWarning")
def test_norse_fires_the_same_spikes(tmp_path):
    """One path through convolutions and neurons, as another library reads it."""
    norse = pytest.importorskip("norse.torch")
    g = Graph(name="path")
    x = g("act0", Act(), g("stem", Conv(cin=2, cout=4, kernel=(3, 3), padding=1), g("x", Input(dims=(2, 6, 6)))))
    y = g("act1", Act(), g("conv1", Conv(cin=4, cout=6, kernel=(3, 3), padding=1, bias=True), x))
    g.output("y", g("conv2", Conv(cin=6, cout=3, kernel=(3, 3), stride=2, bias=True), y))
    network = spiking(g)
    ((*names,),) = parts_of(network.graph)[0]
    part = alone(network.graph, names, STEPS)
    film, state = film_of(part), numbers(network)
    wanted = evaluate(part, state, film)
    nir.write(tmp_path / "path.nir", nir_graph(network.graph, state, names))
    theirs, memory, found = norse.from_nir(nir.read(tmp_path / "path.nir"), dt=1.0), None, []
    (given,) = film.values()
    with torch.no_grad():
        for t in range(STEPS):
            value, memory = theirs(torch.from_numpy(given[t : t + 1]), memory)
            found.append(value.numpy())
    (output,) = part.outputs.values()
    np.testing.assert_allclose(np.concatenate(found), wanted[output], atol=1e-5)


def test_a_part_that_is_changed_fires_others(tmp_path):
    network = spiking(residual())
    names = parts_of(network.graph)[0][0]
    part, state = alone(network.graph, names, STEPS), numbers(network)
    film = film_of(part)
    wanted, source = evaluate(part, state, film), nir_graph(network.graph, state, names)
    neuron = next(node for node in source.nodes.values() if isinstance(node, nir.LIF))
    neuron.v_threshold = neuron.v_threshold * 1.1
    found = by_us(source, film)
    assert any(not np.allclose(found[o], wanted[n], atol=1e-5) for o, n in part.outputs.items())


@pytest.mark.parametrize(
    ("neuron", "reason"),
    [
        ({"reset": "soft"}, "soft reset, where NIR's neurons are set to a value"),
        ({"kind": "ilif", "levels": 4, "reset": "soft"}, "counts up to 4 in a step"),
        ({"v_init": 0.5, "kind": "if"}, "a membrane that does not start at rest"),
    ],
)
def test_what_nir_cannot_hold_is_refused(neuron, reason):
    network = spiking(residual(), **neuron)
    parts, reasons = parts_of(network.graph)
    assert parts == [] and reasons["sites.act2"] == reason and reasons["conv1"] == ALONE
    with pytest.raises(ValueError, match=f"NIR can hold no part of it \\(its node 'sites.act\\d': {reason}\\)"):
        whole_graph(network.graph, numbers(network))


def test_every_node_that_computes_is_in_the_table():
    network = spiking(build("miavs", "micro").pruned(["mask"]))
    rows = coverage(network.graph)
    assert all((row.part is None) == bool(row.reason) for row in rows)
    silent = {n for n, v in network.graph.nodes.items() if isinstance(v.op, Input | Expand)}
    assert silent and not silent & {row.node for row in rows}
    held = sum(row.macs for row in rows if row.part is not None)
    assert sum(row.macs for row in rows) == sum(network.graph.macs(n) for n in network.graph.nodes.values())
    assert held > 0.8 * sum(row.macs for row in rows)
    whole = whole_graph(network.graph, numbers(network))
    assert len(whole.inputs) >= 2 and len(whole.outputs) >= 2
    graph, _ = from_nir(whole)
    assert set(graph.outputs) == set(whole.outputs)
