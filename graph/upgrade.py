"""``graph.json`` of the first format, as data, in today's words. Pure: JSON in, JSON out.

Then a site had ``levels`` and left its neuron to the config; ops of time had T; a sampling layer's start was a word.
"""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

from graph.neuron import Neuron

GONE = {"Decode": ("steps",), "Drop": ("steps",), "Expand": ("steps",)}


def _neuron(levels: int, neuron: Neuron) -> dict[str, Any]:
    of_site = replace(neuron, levels=levels)
    default = Neuron()
    told = {f.name: getattr(of_site, f.name) for f in fields(Neuron)}
    return {"type": "Neuron", **{k: v for k, v in told.items() if v != getattr(default, k)}}


def _site(value: dict[str, Any], neuron: Neuron) -> dict[str, Any]:
    kept = {k: v for k, v in value.items() if k != "levels"}
    return {**kept, "neuron": _neuron(value.get("levels", 4), neuron)}


def _op(value: dict[str, Any], neuron: Neuron) -> dict[str, Any]:
    kept = {k: v for k, v in value.items() if k not in GONE.get(value["type"], ())}
    if isinstance(site := kept.get("site"), dict):
        kept["site"] = _site(site, neuron)
    recipe, _, sizes = str(kept.get("init", "")).partition(":")
    if recipe == "offsets":
        kept |= {"init": "zeros", "offsets": [int(n) for n in sizes.split(",")]}
    return kept


def upgraded(data: dict[str, Any], neuron: Neuron) -> dict[str, Any]:
    return {**data, "nodes": [{**node, "op": _op(node["op"], neuron)} for node in data["nodes"]]}
