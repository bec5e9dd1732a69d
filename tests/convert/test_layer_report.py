"""What conversion did, layer by layer: distances of values, dead neurons, saturated counts."""

from __future__ import annotations

import pytest
import torch

from ann import QANN
from convert.compare import layer_distance, site_distance
from convert.levels import sites_of
from experiments.layer_report import SITE, WEIGHTED, layer_figure, layer_table
from graph.lower import observe
from graph.neuron import Neuron
from graph.passes import SpikeSpec


def converted(taken_over, levels):
    return taken_over(SpikeSpec(neuron=Neuron(levels=levels)), QANN)


def test_more_levels_bring_sites_nearer(ann, taken_over, batch):
    coarse, fine = (site_distance(ann, converted(taken_over, d), batch) for d in (2, 64))
    first = next(iter(coarse))
    assert fine[first] < 0.25 * coarse[first], "before anything adds up"
    assert sum(fine.values()) < 0.7 * sum(coarse.values())
    assert set(coarse) <= set(sites_of(converted(taken_over, 2).graph))


def test_a_site_that_stands_for_the_ann_s_value_is_at_distance_zero(ann, taken_over, batch):
    """One count alone, worth what the value is."""
    module = converted(taken_over, 4)
    name = next(iter(sites_of(module.graph)))
    values = {}
    observe(ann, batch, lambda node, inputs, value: values.update({node.name: value}))
    step = module.counts()[name]
    counts = (values[name.removeprefix("sites.")] / step).round()
    distance = site_distance(ann, module, batch)[name]
    wanted = values[name.removeprefix("sites.")]
    expected = float((counts.clamp(0, 4) * step - wanted).norm() / wanted.norm())
    assert distance == pytest.approx(expected, rel=1e-4)


def test_a_row_for_every_layer_and_its_neurons(ann, taken_over, batch):
    module = converted(taken_over, 4)
    silent = next(iter(sites_of(module.graph)))
    with torch.no_grad():
        module.get_submodule(silent).step.fill_(1e6)
    table = layer_table(ann, module, batch)
    weighted, sites = (table[table["kind"] == kind] for kind in (WEIGHTED, SITE))
    assert list(weighted["layer"]) == [name for name, _ in layer_distance(ann, module, batch)]
    assert {f"sites.{name}" for name in sites["layer"]} == set(sites_of(module.graph))
    row = sites[sites["layer"] == silent.removeprefix("sites.")].iloc[0]
    assert row["dead_share"] == 1 and row["mean_count"] == 0 and row["relative_distance"] == pytest.approx(1)
    assert 0 < sites["saturated_share"].max() <= 1 and (sites["mean_count"] <= sites["levels"]).all()
    assert layer_figure(table).startswith(b"\x89PNG")
