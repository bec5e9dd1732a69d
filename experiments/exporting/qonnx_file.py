"""``--to qonnx``: executed by the package qonnx, node by node; logits must have our bits.

Executable, not synthesisable: real values stand between the sites, and sampling is spelt out in gathers.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from convert.levels import sites_of
from experiments.exporting.target import Asked, Target, Written, fullest, same_bits
from graph.ops import Array
from graph.passes import cost


def executed(model: Any, inputs: dict[str, Array]) -> Array:
    from qonnx.core.onnx_exec import execute_onnx

    logits: Array = execute_onnx(model, inputs)["mask"]
    return logits


def shaped(content: bytes) -> Any:
    """What the package executes: every value with its shape."""
    import onnx
    from qonnx.core.modelwrapper import ModelWrapper
    from qonnx.transformation.infer_shapes import InferShapes

    return ModelWrapper(onnx.load_from_string(content)).transform(InferShapes())


def macs(model: Any) -> int:
    """As the package counts them, of one call: convolutions and matrix products."""
    from qonnx.analysis.inference_cost import inference_cost
    from qonnx.util.inference_cost import compute_bops_and_macs

    found = model.analysis(lambda shaped: inference_cost(shaped, discount_sparsity=False, cost_breakdown=False))
    return int(compute_bops_and_macs(found["total_cost"])[1])


def write(asked: Asked) -> Written:
    from convert.onnx_form.model import onnx_model

    frames = asked.frames or asked.together
    if frames % asked.together or frames > len(asked.logits):
        raise ValueError(
            f"frames is {frames}, expected a multiple of {asked.together}, at most the {len(asked.logits)} of a clip"
        )
    if not sites_of(asked.network.graph):
        raise ValueError("it has no sites, so nothing in it is a threshold, expected a run of mode convert or snn")
    content = onnx_model(asked.network.graph, asked.arrays, frames=frames, multithreshold=True).SerializeToString()
    model = shaped(content)
    calls = range(0, len(asked.logits) - frames + 1, frames)
    logits = np.concatenate([executed(model, asked.inputs(k, k + frames)) for k in calls])
    if not same_bits(logits, asked.logits[: len(logits)]):
        raise ValueError("qonnx finds other logits, expected ours bit for bit: a network snapped to the grid (exact)")
    node, share = fullest(asked)
    sites = sum(n.op_type == "MultiThreshold" for n in model.graph.node)
    ours, theirs = cost(asked.network.graph), macs(model) // frames
    within = f"no sum can leave fp32's exact range ({node}: {share:.2f} of it)"
    over = f"sums of {node} could reach {share:.1f} times fp32's exact range, though not on these frames"
    return Written(
        content=model.model.SerializeToString(),
        report={
            "nodes": len(model.graph.node),
            "multithresholds": sites,
            "frames_compared": len(logits),
            "same_bits": True,
            "largest_sum": {"node": node, "share": share},
            "macs_a_frame": {"ours": ours.macs, "qonnx": theirs, "sampling, gathers there": ours.sampling},
        },
        line=f"{len(model.graph.node)} nodes, {sites} of them MultiThreshold; logits of {len(logits)} frames under "
        f"qonnx equal bit for bit; {theirs / 1e6:.1f} M MACs a frame by its count, {ours.macs / 1e6:.1f} M by ours; "
        f"{within if share < 1 else over}",
    )


QONNX = Target(name="qonnx", suffix=".qonnx.onnx", packages=("onnx", "qonnx"), write=write)
