"""Every op that ONNX can hold means there what it means here: one small graph a case, under onnxruntime."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import helper

from convert.onnx_form.builder import FLOAT, Builder
from convert.onnx_form.model import EMIT, IR, OPSET
from convert.onnx_form.place import Place
from graph.ops import REGISTRY, Firing
from snn import snn
from tests.graph.conformance import Trial
from tests.graph.conformance_cases import CASES, Case

ort = pytest.importorskip("onnxruntime")
# Where values come from and go to; a loss that only training reads.
OTHERS = {"Input", "Output", "Param", "Const", "SquaredError"}


def can_be_written(case: Case) -> bool:
    site = case.op.site if isinstance(case.op, Firing) else None
    return case.steps == 1 and (site is None or site.compares_only(1))


def executed(trial: Trial, *, prefix: str = "node") -> np.ndarray:
    op, case = trial.op, trial.case
    to = Builder(prefix=prefix)
    names = tuple(f"x{k}" for k in range(len(trial.inputs)))
    place = Place(
        args=names,
        shapes=case.shapes,
        static=tuple(k in case.static for k in range(len(names))),
        shape=op.shape(*case.shapes),
        tables={**trial.tables, **({"unit": op.unit.factor} if hasattr(op, "unit") else {})},
    )
    to.nodes.append(helper.make_node("Identity", [EMIT[type(op)](to, op, place)], ["y"]))
    inputs = [
        helper.make_tensor_value_info(name, FLOAT, list(x.shape)) for name, x in zip(names, trial.inputs, strict=True)
    ]
    outputs = [helper.make_tensor_value_info("y", FLOAT, None)]
    body = helper.make_graph(to.nodes, "case", inputs, outputs, list(to.constants.values()))
    model = helper.make_model(body, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR)
    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(["y"], dict(zip(names, trial.inputs, strict=True)))[0]


def test_every_op_has_a_form_or_needs_none():
    assert {op.__name__ for op in EMIT} | OTHERS == set(REGISTRY)


@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("name", sorted({op.__name__ for op in EMIT}))
def test_an_op_means_there_what_it_means_here(name, batch):
    cases = [case for case in CASES[name] if can_be_written(case)]
    assert cases or name == "Decode", "which has but one step there"
    for case in cases:
        trial = Trial(case, snn("torch"), batch)
        value = executed(trial)
        assert value.shape == trial.value.shape and value.dtype == np.float32, case
        if case.op.moves:
            np.testing.assert_array_equal(value, trial.value)
        else:
            scale = max(1.0, float(np.abs(trial.value).max()))
            np.testing.assert_allclose(value, trial.value, rtol=1e-5, atol=1e-5 * scale, err_msg=str(case))


@pytest.mark.parametrize("name", ["Act", "Gate", "Score"])
def test_a_site_counts_alike_on_its_thresholds_and_beside_them(name):
    """At every threshold, and one number above and below."""
    folded = [case for case in CASES[name] if can_be_written(case) and case.op.site is not None]
    assert any(case.op.site.signed for case in folded) and any(not case.op.site.signed for case in folded)
    for case in folded:
        trial = Trial(case, snn("torch"), 2)
        trial.tables["sign"] = np.where(trial.tables["sign"] < 0, -1, 1).astype(np.float32)
        rows = np.concatenate([trial.tables[k] for k in ("upper", "lower") if k in trial.tables])  # [edges, C]
        near = [rows, *(np.nextafter(rows, np.float32(end)) for end in (9e9, -9e9))]
        x = np.concatenate(near) * trial.tables["sign"] / np.float32(case.op.unit.factor)
        (shape,) = case.shapes
        channels = x.reshape(len(x), -1, *(1 for _ in shape[1:])) if case.op.site.axis == 0 else x[:, None]
        trial.inputs[0] = np.broadcast_to(channels, (len(x), *shape)).astype(np.float32)
        wanted = trial.meaning(*trial.inputs)
        assert len(np.unique(wanted)) > 2
        np.testing.assert_array_equal(executed(trial), wanted, err_msg=str(case))
