"""Audits at full size: what they call can be stated, and what one call took is measured, not the caller's."""

from __future__ import annotations

import pytest

from experiments.cli.command import stated
from experiments.errors import UserError
from tools import full_audit
from tools.avsbench_mini import s4
from tools.full_audit import CLIPS, called, data_words, systems
from tools.full_audit_page import document
from tools.systems import SYSTEMS


def test_every_system_can_be_stated(tmp_path):
    s4(tmp_path / "data", CLIPS)
    assert len(systems()) == len(SYSTEMS) == 10
    for name, words in systems().items():
        family, backbone = name.split("/")
        settings = stated(["--mode", "ann", *words, *data_words(tmp_path)])
        assert settings.model.name == family and settings.model.backbone in ("", backbone)


def test_a_call_is_measured_and_one_that_fails_is_said(capfd):
    spent = called("--help")
    assert 0 < spent.minutes < 2 and 0.01 < spent.gib < 4
    with pytest.raises(UserError, match=r"main.py --mode nowhere ended with 2"):
        called("--mode", "nowhere")


def test_a_system_that_is_none(capsys):
    assert full_audit.main(["--systems", "miavs/pvt"]) == 2
    assert "nearest: 'miavs/pvt_v2_b5'" in capsys.readouterr().err


def test_the_page():
    saving = {"dense_fp32": 0.8, "zeroskip_int8": 0.5, "qann": -0.1}
    row = {"minutes": 3.25, "gib": 6.5, "coverage": 1.0, "spike_fed_share": 0.984, "saving": saving}
    file = {"nodes": 12, "bytes": 2_400_000, "minutes": 0.5, "gib": 1.0}
    onnx = {
        "ann": {**file, "difference": 2e-6, "same_bits": False},
        "snn": {**file, "difference": 0, "same_bits": True},
    }
    rows = {"miavs/resnet50": {"energy": row, "onnx": onnx}, "qsd/resnet50": {"energy": row}}
    page = document(rows, "python -m x")
    energy, files = page.split("## ONNX")
    assert "`python -m x`" in page
    assert "| miavs/resnet50 | 3.2 | 6.5 | 100% | 98.4% | +80.0% | +50.0% | -10.0% |" in energy
    assert "qsd/resnet50" in energy and "qsd/resnet50" not in files, "not exported yet"
    assert "| miavs/resnet50 | ANN | 12 | 2 | 0.5 | 1.0 | 2e-06 of the largest away |" in files
    assert "| miavs/resnet50 | SNN, D = 4 | 12 | 2 | 0.5 | 1.0 | the same bits |" in files


def test_a_piece_that_is_known_is_not_measured_again(monkeypatch, tmp_path):
    calls = []

    def call(*words):
        calls.append(words[1])
        return full_audit.Measured(minutes=1.0, gib=1.0)

    monkeypatch.setattr(full_audit, "called", call)
    monkeypatch.setattr(full_audit, "read_json", lambda path: {"onnx": {"nodes": 1, "same_bits": True}})
    rows = list(full_audit.pieces(("--model.name", "qsd"), tmp_path, {"energy": {"gib": 2.0}}))
    assert calls == ["ann", "convert", "export", "export"]
    assert len(rows) == 1 and rows[0]["energy"] == {"gib": 2.0} and rows[0]["onnx"]["snn"]["nodes"] == 1
