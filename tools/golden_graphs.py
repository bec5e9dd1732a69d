"""The golden file's integers of graphs: what each family is made of, real-valued and in its spiking forms."""

from __future__ import annotations

from typing import Any

from graph.graph import Graph
from graph.infer import frame_macs
from graph.models import FAMILIES, build
from graph.neuron import Neuron
from graph.ops import Firing
from graph.passes import SpikeSpec, fold, lint, released, spikify

SPECS = ("tiny", "full", "released")
FORMS = {
    "counts": SpikeSpec(),
    "linear": SpikeSpec(score="linear", residual="spike"),
    "binary": SpikeSpec(neuron=Neuron(kind="lif", levels=1), steps=4, norm="batch", signed=False),
}


def _multiplies(graph: Graph) -> int:
    return sum(n.op.multiplies(n.shape, *graph.inputs(n)) for n in graph.nodes.values())


def _real(graph: Graph) -> dict[str, Any]:
    return {
        "nodes": len(graph),
        "macs": sum(frame_macs(graph).values()),
        "multiplies": _multiplies(graph),
        "parameters": graph.parameters(),
    }


def _spiking(graph: Graph) -> dict[str, Any]:
    folded, plan = fold(graph)
    report = lint(folded)
    sites = [n for n in graph.nodes.values() if isinstance(n.op, Firing) and n.op.site is not None]
    left: dict[str, int] = {}
    for finding in report.left:
        left[finding.reason] = left.get(finding.reason, 0) + finding.multiplies
    return {
        "sites": len(sites),
        "learnt_steps": sum(n.op.site.learn for n in sites),  # type: ignore[attr-defined]
        "parameters": graph.parameters(),
        "multiplies": report.total,
        "spike_fed_multiplies": sum(f.multiplies for f in report.findings if not f.reason),
        "spike_fed_macs": report.spike_fed_macs,
        "left": left,
        "folded_into_weights": len(plan.into_weights),
        "folded_into_sites": len(plan.into_sites),
        "folded_steps": len(plan.steps),
    }


def graphs() -> dict[str, Any]:
    table: dict[str, Any] = {}
    for family, entry in FAMILIES.items():
        for spec in SPECS:
            if spec not in entry.specs:
                continue
            plain = build(family, spec)
            mask = plain.pruned(["mask"])
            table[f"{family} {spec}"] = {
                "ann": _real(plain),
                **{form: _spiking(spikify(mask, how)) for form, how in FORMS.items()},
            }
    table["miavs released"]["as published"] = _spiking(released(build("miavs", "released").pruned(["mask"])))
    return table
