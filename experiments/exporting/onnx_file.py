"""``--to onnx``: the standard's own ops, any number of frames, compared with onnxruntime's logits.

A network with sites whose logits differ is judged site by site: each on the counts that ours has in front of it. What
is left of norms and of real-valued images is rounded in another order there, now and then on the other side of a
threshold, and in a large network the logits then drift.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from convert.compare import site_counts
from convert.levels import sites_of
from experiments.exporting.target import CLOSE, Asked, Target, Written, apart, same_bits
from graph.ops import Array

UNEQUAL = 1e-4  # of the counts at most, each site on equal inputs


def values_of(content: bytes, inputs: dict[str, Any], names: Sequence[str]) -> list[Array]:
    import onnxruntime

    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    found: list[Array] = session.run(list(names), inputs)
    return found


def run_onnx(content: bytes, inputs: dict[str, Any]) -> Array:
    return values_of(content, inputs, ["mask"])[0]


@dataclass(frozen=True, kw_only=True)
class Judged:
    """Each site on equal inputs: ``unequal`` of so many ``counts``; ``difference``: of the logits on equal counts."""

    counts: int
    unequal: int
    difference: float


def site_by_site(asked: Asked) -> Judged:
    from convert.onnx_form.model import COUNTED, GIVEN, onnx_model

    ours = {name: counts.numpy() for name, counts in site_counts(asked.network, dict(asked.clip)).items()}
    content = onnx_model(asked.network.graph, asked.arrays, apart=True).SerializeToString()
    given = {f"{GIVEN}{name}": counts for name, counts in ours.items()}
    names = ["mask", *(f"{COUNTED}{name}" for name in ours)]
    logits, *theirs = values_of(content, {**asked.inputs(0, len(asked.logits)), **given}, names)
    unequal = sum(int((a != b).sum()) for a, b in zip(ours.values(), theirs, strict=True))
    counts = sum(counts.size for counts in ours.values())
    return Judged(counts=counts, unequal=unequal, difference=apart(logits, asked.logits))


def write(asked: Asked) -> Written:
    import onnx

    from convert.onnx_form.model import onnx_model

    model = onnx_model(asked.network.graph, asked.arrays)
    onnx.checker.check_model(model, full_check=True)
    content: bytes = model.SerializeToString()
    logits = run_onnx(content, asked.inputs(0, len(asked.logits)))
    off, equal = apart(logits, asked.logits), same_bits(logits, asked.logits)
    report: dict[str, Any] = {"nodes": len(model.graph.node), "difference": off, "same_bits": equal}
    word = "equal bit for bit" if equal else f"{off:.1g} apart at most"
    if not off <= CLOSE:
        word = _drifted(asked, off, report)
    return Written(
        content=content,
        report=report,
        line=f"{len(model.graph.node)} nodes; logits of {len(logits)} frames under onnxruntime: {word}",
    )


def _drifted(asked: Asked, off: float, report: dict[str, Any]) -> str:
    found = f"onnxruntime's logits are {off:.2g} of the largest one away from ours"
    if not sites_of(asked.network.graph):
        raise ValueError(f"{found}, expected {CLOSE:g}")
    judged = site_by_site(asked)
    each = f"each site on equal inputs, {judged.unequal} of {judged.counts} counts are others and the logits"
    if judged.unequal > UNEQUAL * judged.counts or not judged.difference <= CLOSE:
        raise ValueError(
            f"{found}, and, {each} {judged.difference:.2g} away, expected {UNEQUAL:g} of the counts and {CLOSE:g}"
        )
    report["site_by_site"] = asdict(judged)
    return (
        f"{off:.2g} of the largest apart, as real values in front of sites are rounded in another order; {each} "
        f"{judged.difference:.1g} apart"
    )


ONNX = Target(name="onnx", suffix=".onnx", packages=("onnx", "onnxruntime"), write=write)
