"""A whole graph as an ONNX model.

Rows of the batch are a symbol, so that any number of frames will do (a multiple of what the network looks at together),
or a number, which QONNX wants. Training outputs are left out.

``apart``: what follows a site reads counts that are given, inputs ``given/SITE``, and the counts that the site itself
finds are outputs ``counted/SITE``. So each site can be judged by itself: where real values stand in front of a site,
two executors round them differently, and one count more in an early layer moves many of those behind it.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import onnx
from onnx import helper

from convert.levels import sites_of
from convert.onnx_form import layout, products, sites, weighted
from convert.onnx_form.builder import FLOAT, QONNX_DOMAIN, Builder
from convert.onnx_form.place import Place, Table
from graph.graph import Graph, Node
from graph.infer import Value, infer
from graph.meaning import tables_of
from graph.ops import Array, Const, Input, Output, Param

EMIT: Table = {
    **layout.EMIT,
    **weighted.EMIT,
    **sites.EMIT,
    **products.EMIT,
}
OPSET, IR = 18, 9
FRAMES = "frames"
GIVEN, COUNTED = "given/", "counted/"


def obstacle(graph: Graph) -> str:
    """Why a graph cannot be written, or nothing."""
    if graph.steps > 1:
        return f"it has {graph.steps} steps, expected neuron.steps 1: ONNX keeps no membrane from step to step"
    for name, site in sites_of(graph).items():
        if not site.compares_only(graph.steps):
            return f"its site '{name}' is no table of thresholds, expected a folded network of I-LIF neurons"
    for name, node in graph.nodes.items():
        if type(node.op) not in EMIT and not isinstance(node.op, Input | Param | Const | Output):
            return f"its node '{name}' is a {type(node.op).__name__}, for which ONNX has no form here"
    return ""


def _rows(value: Value, frames: int | None) -> int | str:
    if not value.frames:
        return 1
    if frames is None:
        return FRAMES if value.frames == 1 else f"{FRAMES}/{value.frames}"
    return frames // value.frames


def onnx_model(
    graph: Graph,
    arrays: Mapping[str, Array],
    *,
    frames: int | None = None,
    multithreshold: bool = False,
    apart: bool = False,
) -> onnx.ModelProto:
    """``arrays``: a state dict's keys and numbers, constants under their node's name. ``frames``: rows of a batch."""
    problem = obstacle(graph)
    if problem:
        raise ValueError(f"graph '{graph.name}' cannot be written as ONNX: {problem}")
    to, values = Builder(multithreshold=multithreshold, quantised=bool(sites_of(graph))), infer(graph)
    names: dict[str, str] = {}
    shapes: dict[str, Node] = {}
    counted: dict[str, str] = {}
    sites = sites_of(graph) if apart else {}
    for name, node in graph.nodes.items():
        to.prefix = name
        names[name] = _written(to, node, graph, values, names, arrays)
        shapes.setdefault(names[name], node)
        if name in sites:
            counted[name], names[name] = names[name], f"{GIVEN}{name}"

    def info(onnx_name: str, node: str) -> onnx.ValueInfoProto:
        return helper.make_tensor_value_info(onnx_name, FLOAT, [_rows(values[node], frames), *values[node].shape])

    inputs = [info(name, name) for name, node in graph.nodes.items() if isinstance(node.op, Input)]
    inputs += [info(f"{GIVEN}{name}", name) for name in counted]
    outputs = []
    for name, source in graph.outputs.items():
        to.nodes.append(helper.make_node("Identity", [names[source]], [name], name=f"outputs/{name}"))
        outputs.append(info(name, source))
    for name, value in counted.items():
        to.nodes.append(helper.make_node("Identity", [value], [f"{COUNTED}{name}"], name=f"{COUNTED}{name}"))
        outputs.append(info(f"{COUNTED}{name}", name))
    own = {n.output[0] for n in to.nodes}
    between = [info(x, node.name) for x, node in shapes.items() if x in own]
    body = helper.make_graph(to.nodes, graph.name, inputs, outputs, list(to.constants.values()), value_info=between)
    opsets = [helper.make_opsetid("", OPSET)] + ([helper.make_opsetid(QONNX_DOMAIN, 2)] if multithreshold else [])
    return helper.make_model(body, producer_name="SpikeAVS", opset_imports=opsets, ir_version=IR)


def _written(
    to: Builder,
    node: Node,
    graph: Graph,
    values: Mapping[str, Value],
    names: Mapping[str, str],
    arrays: Mapping[str, Array],
) -> str:
    op = node.op
    if isinstance(op, Input):
        return node.name
    if isinstance(op, Output):
        return names[node.args[0]]
    if isinstance(op, Param | Const):
        return to.constant(np.asarray(arrays[node.weights])[None])
    place = Place(
        args=tuple(names[a] for a in node.args),
        shapes=tuple(values[a].shape for a in node.args),
        static=tuple(not values[a].frames for a in node.args),
        shape=values[node.name].shape,
        tables=tables_of(node, arrays, graph.steps),
    )
    return EMIT[type(op)](to, op, place)
