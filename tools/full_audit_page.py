"""docs/full_audit.md: what `tools.full_audit` measured, as two tables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from energy.tables import as_markdown

THREADS = 2
MINUTES, GIB = 5, 8
SAVINGS = ("dense_fp32", "zeroskip_int8", "qann")
PIECES = ("energy", "onnx")


def energy_table(rows: Mapping[str, Mapping[str, Any]]) -> str:
    head = ("system", "minutes", "GiB at most", "ops counted", "spike-fed", *(f"against {name}" for name in SAVINGS))
    lines = [list(head)]
    for name, row in rows.items():
        of = row["energy"]
        saved = [f"{of['saving'][key]:+.1%}" for key in SAVINGS]
        spent = (f"{of['minutes']:.1f}", f"{of['gib']:.1f}")
        lines.append([name, *spent, f"{of['coverage']:.0%}", f"{of['spike_fed_share']:.1%}", *saved])
    return as_markdown(lines)


def onnx_table(rows: Mapping[str, Mapping[str, Any]]) -> str:
    lines = [["system", "", "nodes", "MB", "minutes", "GiB at most", "onnxruntime's logits"]]
    for name, row in rows.items():
        for run, title in (("ann", "ANN"), ("snn", "SNN, D = 4")):
            of = row["onnx"][run]
            off = "the same bits" if of["same_bits"] else f"{of['difference']:.2g} of the largest away"
            if alone := of.get("site_by_site"):
                off += f"; site by site {alone['unequal']} of {alone['counts'] / 1e6:.0f} M counts are others"
            size = (str(of["nodes"]), f"{of['bytes'] / 1e6:.0f}", f"{of['minutes']:.1f}", f"{of['gib']:.1f}")
            lines.append([name, title, *size, off])
    return as_markdown(lines)


def document(rows: Mapping[str, Mapping[str, Any]], command: str) -> str:
    having = {piece: {name: row for name, row in rows.items() if piece in row} for piece in PIECES}
    return "\n".join(
        [
            "# Full size: energy audits and ONNX",
            "",
            f"Written by `{command}`: each system's ANN and integer SNN (D = 4), 224 pixels, five frames, {THREADS} "
            "CPU threads. The weights are those that training would start from, and only the steps are set on frames: "
            "what is shown is that a network of this size passes whole. The savings are those of no network that was "
            "trained.",
            "",
            "## Energy",
            "",
            f"`--mode energy --clips 1`. {MINUTES} minutes and {GIB} GiB are what we ask of ourselves.",
            "",
            energy_table(having["energy"]),
            "",
            "## ONNX",
            "",
            "`--mode export --to onnx` of both. The logits are compared before the file is written. Where norms are "
            "left between sites, or real-valued images in front of them, two executors round differently, a value "
            "crosses a threshold now and then, and the logits of a network that was not trained then have nothing in "
            "common: such a network is judged site by site, each on the counts that ours has in front of it.",
            "",
            onnx_table(having["onnx"]),
            "",
        ]
    )
