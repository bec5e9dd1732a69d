# ruff: noqa: E501 - lines of a file as it was written
"""Two graphs of one small network in the first format of ``graph.json``, as a run saved them then: sites stood for values,
levels stood on the site, and all else of a neuron in the run's config. And what their network computed."""

from __future__ import annotations

from graph.neuron import Neuron

ILIF = """{"name": "first_format", "steps": 1, "outputs": {"y": "out_y"},
 "nodes": [
  {"name": "x", "op": {"type": "Input", "dims": [2, 4, 4]}, "args": []},
  {"name": "stem", "op": {"type": "Conv", "cin": 2, "cout": 4, "kernel": [3, 3], "stride": 2, "padding": 1}, "args": ["x"]},
  {"name": "norm", "op": {"type": "Norm", "channels": 4}, "args": ["stem"]},
  {"name": "sites.act", "op": {"type": "Act", "site": {"type": "Site", "name": "sites.act", "channels": 4}}, "args": ["norm"]},
  {"name": "conv", "op": {"type": "Conv", "cin": 4, "cout": 4}, "args": ["sites.act"]},
  {"name": "sites.conv", "op": {"type": "Act", "site": {"type": "Site", "name": "sites.conv", "signed": true, "norm": {"type": "Norm", "channels": 4}, "learn": false, "channels": 4}, "fn": "identity"}, "args": ["conv"]},
  {"name": "sites.drop", "op": {"type": "Drop", "p": 0.1}, "args": ["sites.conv"]},
  {"name": "sites.tokens", "op": {"type": "View", "pattern": "c h w -> (h w) c"}, "args": ["sites.drop"]},
  {"name": "linear", "op": {"type": "Linear", "cin": 4, "cout": 4}, "args": ["sites.tokens"]},
  {"name": "sites.linear", "op": {"type": "Act", "site": {"type": "Site", "name": "sites.linear", "signed": true, "norm": {"type": "Norm", "channels": 4, "axis": -1}, "learn": false, "channels": 4, "axis": -1}, "fn": "identity", "axis": -1}, "args": ["linear"]},
  {"name": "sites.turned", "op": {"type": "View", "pattern": "n c -> c n"}, "args": ["sites.tokens"]},
  {"name": "product", "op": {"type": "MatMul", "inner": 4, "scale": 0.5}, "args": ["sites.linear", "sites.turned"]},
  {"name": "sites.gate", "op": {"type": "Gate", "site": {"type": "Site", "name": "sites.gate", "step": 0.25, "learn": false, "channels": 4, "axis": -1}}, "args": ["product"]},
  {"name": "mul", "op": {"type": "Mul"}, "args": ["product", "sites.gate"]},
  {"name": "out_y", "op": {"type": "Output"}, "args": ["mul"]}
]}"""

LIF = """{"name": "first_format", "steps": 4, "outputs": {"y": "out_y"},
 "nodes": [
  {"name": "x", "op": {"type": "Input", "dims": [2, 4, 4]}, "args": []},
  {"name": "stem", "op": {"type": "Conv", "cin": 2, "cout": 4, "kernel": [3, 3], "stride": 2, "padding": 1}, "args": ["x"]},
  {"name": "norm", "op": {"type": "Norm", "channels": 4}, "args": ["stem"]},
  {"name": "norm_stepped", "op": {"type": "Expand"}, "args": ["norm"]},
  {"name": "sites.act", "op": {"type": "Act", "site": {"type": "Site", "name": "sites.act", "levels": 1, "channels": 4}}, "args": ["norm_stepped"]},
  {"name": "conv", "op": {"type": "Conv", "cin": 4, "cout": 4}, "args": ["sites.act"]},
  {"name": "sites.conv", "op": {"type": "Act", "site": {"type": "Site", "name": "sites.conv", "levels": 1, "signed": true, "norm": {"type": "Norm", "channels": 4}, "learn": false, "channels": 4}, "fn": "identity"}, "args": ["conv"]},
  {"name": "sites.drop", "op": {"type": "Drop", "p": 0.1, "steps": 4}, "args": ["sites.conv"]},
  {"name": "sites.tokens", "op": {"type": "View", "pattern": "c h w -> (h w) c"}, "args": ["sites.drop"]},
  {"name": "linear", "op": {"type": "Linear", "cin": 4, "cout": 4}, "args": ["sites.tokens"]},
  {"name": "sites.linear", "op": {"type": "Act", "site": {"type": "Site", "name": "sites.linear", "levels": 1, "signed": true, "norm": {"type": "Norm", "channels": 4, "axis": -1}, "learn": false, "channels": 4, "axis": -1}, "fn": "identity", "axis": -1}, "args": ["linear"]},
  {"name": "sites.turned", "op": {"type": "View", "pattern": "n c -> c n"}, "args": ["sites.tokens"]},
  {"name": "sites.linear_decoded", "op": {"type": "Decode", "steps": 4}, "args": ["sites.linear"]},
  {"name": "sites.turned_decoded", "op": {"type": "Decode", "steps": 4}, "args": ["sites.turned"]},
  {"name": "product", "op": {"type": "MatMul", "inner": 4, "scale": 0.5}, "args": ["sites.linear_decoded", "sites.turned_decoded"]},
  {"name": "product_stepped", "op": {"type": "Expand"}, "args": ["product"]},
  {"name": "sites.gate", "op": {"type": "Gate", "site": {"type": "Site", "name": "sites.gate", "levels": 1, "learn": false, "channels": 4, "axis": -1}}, "args": ["product_stepped"]},
  {"name": "sites.gate_decoded", "op": {"type": "Decode", "steps": 4}, "args": ["sites.gate"]},
  {"name": "mul", "op": {"type": "Mul"}, "args": ["product", "sites.gate_decoded"]},
  {"name": "out_y", "op": {"type": "Output"}, "args": ["mul"]}
]}"""

FILES = {
    "ilif": (ILIF, Neuron(tau=1.5, threshold=0.4)),
    "lif": (LIF, Neuron(kind="lif", levels=1, tau=1.5, threshold=0.4)),
}
OUTPUTS = {
    "ilif": [0.0, 16.0, 16.0, 0.0, 16.0, 0.0, 0.0, 2.0, 16.0, 0.0, 0.0, 2.0, 0.0, 28.0, 28.0, 0.0],
    "lif": [0.0, 1.0, 1.0, 1.0, 1.0, 0.5, 0.5, 0.5, 1.0, 0.5, 0.5, 0.5, 1.0, 0.5, 0.5, 0.5],
}
