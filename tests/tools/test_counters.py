"""Other counters beside ours: their rules are theirs, and the differences add up and are what they are said to be."""

from __future__ import annotations

import importlib.util
import sys
import types
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from graph.lower import lower
from graph.models import build
from graph.neuron import Neuron
from graph.passes import SpikeSpec, spikify
from layers.site import SpikeSite
from snn import SNN
from tools.counters.__main__ import main
from tools.counters.difference import explained, ours
from tools.counters.layers import PRODUCT, SAMPLING, WEIGHTED, Layer, layers
from tools.counters.rules import COUNTERS, neurobench, spikingjelly, syops

NEUROBENCH, SPIKINGJELLY, SYOPS = COUNTERS


def layer(module: nn.Conv2d | nn.Linear, x: torch.Tensor) -> Layer:
    return Layer(
        name="l",
        kind=WEIGHTED,
        events=0,
        nonzero=0,
        dense=0,
        frames=len(x),
        inputs=(x.double(),),
        module=module.double(),
    )


def random_layer(seed: int, values: str) -> Layer:
    random = torch.Generator().manual_seed(seed)
    conv = seed % 2
    module = (
        nn.Conv2d(4, 6, 3, stride=1 + seed % 3, padding=seed % 2, groups=2, bias=seed % 4 < 2)
        if conv
        else nn.Linear(4, 6, bias=seed % 4 < 2)
    )
    with torch.no_grad():
        module.weight[torch.rand(module.weight.shape, generator=random) < 0.2] = 0
    shape = (2, 4, 7, 5) if conv else (2, 3, 4)
    low, high = {"binary": (0, 2), "ternary": (-1, 2), "counts": (0, 5)}[values]
    return layer(module, torch.randint(low, high, shape, generator=random).float())


kinds = st.sampled_from(["binary", "ternary", "counts"])


@settings(max_examples=40)
@given(st.integers(0, 500), kinds)
def test_neurobenchs_rule_is_its_own_function(seed, values):
    macs = pytest.importorskip("neurobench.metrics.utils.layers.macs")
    one = random_layer(seed, values)
    number, spiking = macs.single_layer_MACs(one.inputs[0].clone(), one.module)
    assert neurobench(one) == ((number, 0.0) if spiking else (0.0, number))


@cache
def syops_functions():
    """The file with its rules alone, which asks for names that spikingjelly 2.0 no longer has: they are empty here."""
    package = importlib.util.find_spec("syops")
    if package is None:
        pytest.skip("syops is not installed")
    names = ["MultiStepIFNode", "MultiStepLIFNode", "IFNode", "LIFNode"]
    names += ["MultiStepParametricLIFNode", "ParametricLIFNode"]
    old = {f"spikingjelly.clock_driven{tail}": types.ModuleType(f"old{tail}") for tail in ("", ".neuron")}
    for name in names:
        setattr(old["spikingjelly.clock_driven.neuron"], name, type(name, (nn.Module,), {}))
    place = Path(package.submodule_search_locations[0]) / "ops.py"
    spec = importlib.util.spec_from_file_location("syops_functions", place)
    module = importlib.util.module_from_spec(spec)
    sys.modules.update(old)
    try:
        spec.loader.exec_module(module)
    finally:
        for name in old:
            del sys.modules[name]
    return module


@settings(max_examples=40)
@given(st.integers(0, 500), kinds)
def test_syops_rule_is_its_own_function(seed, values):
    ops = syops_functions()
    one = random_layer(seed, values)
    one.module.__syops__ = np.zeros(4)
    hook = ops.conv_syops_counter_hook if isinstance(one.module, nn.Conv2d) else ops.linear_syops_counter_hook
    hook(one.module, (one.inputs[0],), one.module(one.inputs[0]))
    _, additions, macs, _ = one.module.__syops__
    assert syops(one) == pytest.approx((additions, macs), rel=1e-6)


def test_spikingjelly_counts_borders_and_wants_zeros_and_ones():
    module = nn.Conv2d(1, 2, 3, padding=1, bias=False)
    x = torch.zeros(1, 1, 4, 4)
    x[0, 0, 0, 0] = x[0, 0, 1, 1] = 1  # a corner drives 2 x 2 outputs, the inside 3 x 3
    assert spikingjelly(layer(module, x)) == ((4 + 9) * 2, 0.0)
    assert spikingjelly(layer(module, 2 * x)) == (0.0, 16 * 9 * 2)


@pytest.fixture(scope="module", params=[(1, "ilif", 4, True), (4, "if", 1, True), (4, "lif", 1, False)])
def seen(request):
    steps, kind, levels, signed = request.param
    torch.manual_seed(1)
    spec = SpikeSpec(neuron=Neuron(kind=kind, levels=levels), steps=steps, signed=signed)
    network = lower(spikify(build("miavs", "micro").pruned(["mask"]), spec), SNN).eval()
    with torch.no_grad():
        for site in network.modules():
            if isinstance(site, SpikeSite):
                site.step.fill_(2.0**-6)
        weight = network.get_submodule("head.fc.0").weight
        weight[:, :1] = 0
    batch = {"image": torch.rand(2, 3, 32, 32), "logmel": torch.randn(2, 1, 96, 64)}
    return steps, layers(network, [batch])


def test_the_parts_add_up_to_the_whole_difference(seen):
    _, found = seen
    first = ours(found, 2)
    assert first.additions > 0 and {x.kind for x in found} == {WEIGHTED, PRODUCT, SAMPLING}
    for counter in COUNTERS:
        verdict = explained(counter, found, 2)
        assert first.additions - verdict.additions == pytest.approx(sum(verdict.parts.values()), abs=1e-6)


def test_every_part_is_what_it_says(seen):
    """Against sums made here from the layers themselves."""
    steps, found = seen
    weighted = [x for x in found if x.kind == WEIGHTED]
    unseen = {kind: sum(x.events for x in found if x.kind == kind) / 2 for kind in (PRODUCT, SAMPLING)}
    for counter in (NEUROBENCH, SYOPS):
        parts = explained(counter, found, 2).parts
        for kind, amount in unseen.items():
            assert amount > 0 and parts[f"it does not see the {kind}s of this network"] == pytest.approx(amount)
    beyond = [x for x in weighted if x.events and bool((x.inputs[0].abs() > 1).any() and (x.module.weight != 0).any())]
    bench = explained(NEUROBENCH, found, 2)
    assert bench.layers_as_macs == len(beyond) and (not beyond) == (steps > 1)
    assert bench.parts.get(NEUROBENCH.why_macs, 0) == pytest.approx(sum(x.events for x in beyond) / 2)
    skipped = 0.0
    for x in weighted:
        if x.events and x not in beyond:
            zero, spikes = (x.module.weight == 0).double(), x.inputs[0].abs()
            if isinstance(x.module, nn.Conv2d):
                m = x.module
                met = nn.functional.conv2d(spikes, zero, None, m.stride, m.padding, m.dilation, m.groups)
            else:
                met = nn.functional.linear(spikes, zero)
            skipped += float(met.sum()) / 2
    assert bench.parts.get(NEUROBENCH.why_less, 0) == pytest.approx(skipped, abs=1e-6)
    assert skipped > 0 or steps == 1


def test_the_tool_writes_its_table_and_refuses_what_is_no_run(converted, tmp_path, capsys):
    assert (
        main([str(converted), "--clips", "1", "--markdown", str(tmp_path / "c.md"), "--json", str(tmp_path / "c.json")])
        == 0
    )
    text = (tmp_path / "c.md").read_text()
    assert all(counter.name in text for counter in COUNTERS) and "additions that our count has more" in text
    assert main([str(tmp_path)]) == 2 and "is not a run" in capsys.readouterr().err


@pytest.fixture(scope="module")
def converted(tmp_path_factory):
    from experiments.cli import main as command

    base = tmp_path_factory.mktemp("run")
    words = ["--mode", "snn", "--config", "configs/demo_snn.yaml", "--run", str(base / "snn"), "--train.epochs", "0"]
    data = ["--data.train", "4", "--data.val", "4", "--data.test", "30", "--data.cache", str(base / "cache")]
    assert command([*words, *data]) == 0
    return base / "snn"
