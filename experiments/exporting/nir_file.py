"""``--to nir``: the parts that NIR can hold, read back and run before they are written, and a table of all nodes."""

from __future__ import annotations

import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

from experiments.exporting.target import CLOSE, Asked, Target, Written

STEPS = 16


def content_of(graph: Any) -> tuple[bytes, Any]:
    """The file, and what is read from it."""
    import nir

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "network.nir"
        nir.write(path, graph)
        return path.read_bytes(), nir.read(path)


def write(asked: Asked) -> Written:
    from convert.nir_check import difference
    from convert.nir_form import coverage, whole_graph

    graph = asked.network.graph
    content, again = content_of(whole_graph(graph, asked.arrays))
    rows = coverage(graph)
    held = [row for row in rows if row.part is not None]
    off = difference(graph, asked.arrays, [row.node for row in held], again, STEPS)
    if not off <= CLOSE:
        raise ValueError(f"what is read back from it differs by {off:.2g} over {STEPS} steps, expected the same spikes")
    shares = {
        "nodes": len(held) / len(rows),
        "parameters": sum(row.parameters for row in held) / max(1, sum(row.parameters for row in rows)),
        "macs": sum(row.macs for row in held) / max(1, sum(row.macs for row in rows)),
    }
    parts = len({row.part for row in held})
    said = ", ".join(f"{share:.0%} of the {what}" for what, share in shares.items())
    return Written(
        content=content,
        report={"parts": parts, "difference": off, "shares": shares, "table": [asdict(row) for row in rows]},
        line=f"{said.replace('macs', 'MACs')} in {parts} parts, which fire the same spikes when read back; "
        "why not the rest: export.json",
    )


NIR = Target(name="nir", suffix=".nir", packages=("nir",), write=write)
