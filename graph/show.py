"""A readable print of a graph: one row a node with op, inputs, shape, kind, clock, MACs and parameters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields

from graph.graph import Graph
from graph.infer import frame_macs, infer
from graph.ops import Op


def describe(op: Op) -> str:
    """The op with the fields that differ from their defaults; a site is told by the node's kind."""
    shown = [
        f"{f.name}={getattr(op, f.name)!r}" for f in fields(op) if f.name != "site" and getattr(op, f.name) != f.default
    ]
    return f"{type(op).__name__}({', '.join(shown)})"


def table(graph: Graph) -> str:
    values, macs = infer(graph), frame_macs(graph)
    header = ("node", "shape", "kind", "clock", "MACs", "params", "op", "inputs")
    rows = [header]
    seen: set[str] = set()
    for node in graph.nodes.values():
        value = values[node.name]
        parameters = 0 if node.weights in seen else node.op.parameters()
        seen.add(node.weights)
        rows.append(
            (
                node.name,
                "x".join(map(str, value.shape)) or "scalar",
                str(value.kind),
                value.clock.name.lower(),
                f"{macs[node.name]:,}" if macs[node.name] else "",
                f"{parameters:,}" if parameters else "",
                describe(node.op),
                " ".join(node.args),
            )
        )
    widths = [max(len(r[i]) for r in rows) for i in range(6)]
    lines = ["  ".join([*(c.ljust(w) for c, w in zip(r[:6], widths, strict=True)), *r[6:]]).rstrip() for r in rows]
    total, parameters = sum(macs.values()), graph.parameters()
    lines.append(f"{graph.name}: {len(graph)} nodes, {total:,} MACs a frame, {parameters:,} parameters")
    return "\n".join(lines)


def kernel_table(kernels: Mapping[str, str]) -> str:
    """Node and compiled kernel, or why it has none; and how many have one."""
    width = max(map(len, kernels), default=0)
    compiled = [k for k in kernels.values() if not k.startswith("none")]
    lines = [f"{name.ljust(width)}  {kernel}" for name, kernel in kernels.items()]
    return "\n".join([*lines, f"{len(compiled)} of {len(kernels)} nodes that could run on a compiled kernel do"])
