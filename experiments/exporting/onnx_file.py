"""``--to onnx``: the standard's own ops, any number of frames, compared with onnxruntime's logits."""

from __future__ import annotations

from typing import Any

from experiments.exporting.target import CLOSE, Asked, Target, Written, apart, same_bits


def run_onnx(content: bytes, inputs: dict[str, Any]) -> Any:
    import onnxruntime

    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    return session.run(["mask"], inputs)[0]


def write(asked: Asked) -> Written:
    import onnx

    from convert.onnx_form.model import onnx_model

    model = onnx_model(asked.network.graph, asked.arrays)
    onnx.checker.check_model(model, full_check=True)
    content: bytes = model.SerializeToString()
    logits = run_onnx(content, asked.inputs(0, len(asked.logits)))
    off = apart(logits, asked.logits)
    if not off <= CLOSE:
        raise ValueError(f"onnxruntime's logits are {off:.2g} of the largest one away from ours, expected {CLOSE:g}")
    equal = same_bits(logits, asked.logits)
    word = "equal bit for bit" if equal else f"{off:.1g} apart at most"
    return Written(
        content=content,
        report={"nodes": len(model.graph.node), "difference": off, "same_bits": equal},
        line=f"{len(model.graph.node)} nodes; logits of {len(logits)} frames under onnxruntime: {word}",
    )


ONNX = Target(name="onnx", suffix=".onnx", packages=("onnx", "onnxruntime"), write=write)
