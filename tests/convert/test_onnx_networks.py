"""All five families in another project's runtime: onnxruntime, and QONNX's executor, bit for bit on the grid."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
import torch
from onnx import numpy_helper
from safetensors.numpy import load

from ann import ANN
from convert.export import arrays_of
from convert.fold import fold_network
from convert.levels import sites_of
from convert.onnx_form.model import obstacle, onnx_model
from experiments.exporting.onnx_file import run_onnx, site_by_site
from experiments.exporting.qonnx_file import executed, macs, shaped
from experiments.exporting.target import Asked, same_bits
from graph.infer import window
from graph.lower import lower, observe
from graph.models import build
from graph.neuron import Neuron
from graph.passes import SpikeSpec, cost, spikify
from snn import SNN
from tests.deployed_networks import FAMILIES, deployed, inputs, real


def arrays(network):
    return {name: np.asarray(x) for name, x in load(arrays_of(network)).items()}


def twice(batch):
    """Twice as many rows, the second half another."""
    return {name: torch.cat([x, x.flip(0) / 2]) for name, x in batch.items()}


def both(network, batch, content):
    with torch.no_grad():
        wanted = network(**batch)["mask"].numpy()
    names = {node.name for node in onnx.load_from_string(content).graph.input}
    return run_onnx(content, {name: x.numpy() for name, x in batch.items() if name in names}), wanted


@pytest.mark.parametrize("levels", [2, 8])
@pytest.mark.parametrize("family", FAMILIES)
def test_on_the_grid_onnxruntime_has_our_bits(family, levels):
    network = deployed(family, levels)
    model = onnx_model(network.graph, arrays(network))
    onnx.checker.check_model(model, full_check=True)
    frame = next(inputs(network, []))
    for batch in (frame, twice(frame)):
        logits, wanted = both(network, batch, model.SerializeToString())
        assert wanted.std() > 0 and same_bits(logits, wanted)


@pytest.mark.parametrize("family", FAMILIES)
def test_site_by_site_one_that_is_wrong_is_noticed_and_moves_no_other(family):
    network = deployed(family, 4)
    frame = next(inputs(network, []))
    numbers = arrays(network)
    with torch.no_grad():
        logits = network(**frame)["mask"].numpy()
    asked = Asked(network=network, arrays=numbers, clip=frame, logits=logits, together=len(logits), frames=0)
    right = site_by_site(asked)
    assert right.unequal == 0 and right.difference == 0 and right.counts > 1000
    site = next(name for name in sites_of(network.graph) if f"{name}.upper" in numbers)
    numbers[f"{site}.upper"] = numbers[f"{site}.upper"] - 1  # every threshold of one early site
    wrong = site_by_site(asked)
    counts = {}
    observe(network, frame, lambda node, read, value: counts.update({node.name: value.numel()}))
    assert 0 < wrong.unequal <= counts[site] and wrong.difference == 0


@pytest.mark.parametrize("family", FAMILIES)
def test_a_real_valued_network_is_close_for_any_number_of_frames(family):
    network = real(family, 0)
    content = onnx_model(network.graph, arrays(network)).SerializeToString()
    frame = next(inputs(network, []))
    for batch in (frame, twice(frame)):
        logits, wanted = both(network, batch, content)
        assert logits.shape == wanted.shape
        np.testing.assert_allclose(logits, wanted, atol=1e-4 * max(1.0, float(np.abs(wanted).max())))


@pytest.mark.parametrize("family", ["miavs", pytest.param("etavs", marks=pytest.mark.slow)])
def test_qonnx_has_our_bits_and_a_moved_threshold_is_noticed(family):
    network = deployed(family, 2)
    frame = next(inputs(network, []))
    rows = len(next(iter(frame.values())))
    content = onnx_model(network.graph, arrays(network), frames=rows, multithreshold=True).SerializeToString()
    given = {name: x.numpy() for name, x in frame.items()}
    with torch.no_grad():
        wanted = network(**frame)["mask"].numpy()
    assert rows % window(network.graph) == 0
    model = shaped(content)
    sites = [node for node in model.graph.node if node.op_type == "MultiThreshold"]
    assert len(sites) == sum(getattr(node.op, "site", None) is not None for node in network.graph.nodes.values())
    assert same_bits(executed(model, given), wanted)
    assert macs(model) == cost(network.graph).macs * rows, "by the package's own count"
    first = next(t for t in model.graph.initializer if t.name == sites[0].input[1])
    moved = numpy_helper.to_array(first) + np.float32(2.0**-8)
    first.CopyFrom(numpy_helper.from_array(moved, first.name))
    assert not same_bits(executed(model, given), wanted), "one step of the grid beside its place"


def test_what_onnx_cannot_hold_is_said():
    graph = build("miavs", "micro").pruned(["mask"])
    several = lower(spikify(graph, SpikeSpec(neuron=Neuron(kind="lif", levels=1), steps=4)), SNN)
    assert "it has 4 steps, expected neuron.steps 1" in obstacle(several.graph)
    one = lower(spikify(graph, SpikeSpec()), SNN)
    assert "is no table of thresholds, expected a folded network" in obstacle(one.graph)
    assert obstacle(fold_network(one).graph) == ""
    with pytest.raises(ValueError, match="cannot be written as ONNX: it has 4 steps"):
        onnx_model(several.graph, {})


def test_numbers_that_are_equal_are_kept_once():
    network = lower(build("miavs", "micro").pruned(["mask"]), ANN)
    model = onnx_model(network.graph, arrays(network))
    tensors = [t.SerializeToString().replace(t.name.encode(), b"") for t in model.graph.initializer]
    assert len(set(tensors)) == len(tensors)
