"""The page docs/pareto.md: the table behind the figure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from energy.tables import as_markdown
from tools.pareto.front import MACHINES, cost_of, front
from tools.pareto.grid import SERIES, choices

Rows = Mapping[str, Mapping[str, Any]]


def table(rows: Rows) -> list[str]:
    """A row a choice; in bold the cost of what nobody beats on that machine."""
    best = {
        title: set(front({name: (cost_of(row, model).snn, row["miou"]) for name, row in rows.items()}))
        for title, model in MACHINES.items()
    }
    head = ["D", "T", "penalty", "mIoU", *(f"uJ, {title} (its quantised ANN)" for title in MACHINES)]
    lines = [head]
    for name, choice in choices().items():
        if name not in rows:
            continue
        cells = []
        for title, model in MACHINES.items():
            cost = cost_of(rows[name], model)
            shown = f"**{cost.snn:.2f}**" if name in best[title] else f"{cost.snn:.2f}"
            cells.append(f"{shown} ({cost.qann:.2f})")
        first = [str(choice.levels), str(choice.steps), f"{choice.penalty:g}", f"{rows[name]['miou']:.3f}"]
        lines.append([*first, *cells])
    return as_markdown(lines).splitlines()


def document(rows: Rows, control: float, command: str) -> str:
    return "\n".join(
        [
            "# Energy against mIoU",
            "",
            f"Written by `{command}`: one ANN of chimes converted in {len(rows)} ways, each trained on for as long as "
            f"the control, whose mIoU is {control:.3f}, and following its masks. Lines of the figure: "
            f"{', '.join(SERIES)}; else D = 4, T = 1, penalty 0.08. uJ of a frame at int8 prices, in brackets those of "
            "the quantised ANN with the same counts: on an event core as graded events, else zero-skipping. Bold: no "
            "other is both cheaper and better.",
            "",
            "![Energy against mIoU on three machines](pareto.png)",
            "",
            *table(rows),
            "",
        ]
    )
