"""Audits at full size: what they call can be stated, and what one call took is measured, not the caller's."""

from __future__ import annotations

import pytest

from experiments.cli.command import stated
from experiments.errors import UserError
from tools import full_audit
from tools.avsbench_mini import s4
from tools.full_audit import CLIPS, called, data_words, document, systems
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
    page = document({"miavs/resnet50": row}, "python -m x")
    assert (
        "| miavs/resnet50 | 3.2 | 6.5 | 100% | 98.4% | +80.0% | +50.0% | -10.0% |" in page and "`python -m x`" in page
    )
