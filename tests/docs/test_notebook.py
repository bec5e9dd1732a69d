"""The notebook: ten cells of code, kept without what they print; run in order they go through."""

from __future__ import annotations

import json
from pathlib import Path

NOTEBOOK = json.loads((Path(__file__).resolve().parents[2] / "docs" / "first_steps.ipynb").read_text())
CODE = [cell for cell in NOTEBOOK["cells"] if cell["cell_type"] == "code"]


def test_it_is_ten_cells_without_outputs():
    assert len(CODE) == 10 and NOTEBOOK["nbformat"] == 4
    assert all(cell["outputs"] == [] and cell["execution_count"] is None for cell in CODE)


def test_it_runs_and_the_events_give_the_same_bits(capsys):
    names: dict[str, object] = {"__name__": "notebook"}
    for cell in CODE:
        exec(compile("".join(cell["source"]), cell["id"], "exec"), names)
    said = capsys.readouterr().out
    assert "equal bit for bit: True" in said and "it saves" in said
