"""``python -m tools.readme``: write the tables of the README and of pages in docs from ``experiments/results``.

Each stands between two markers; a test holds that it is the one that the files give.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from common.files import write_whole
from experiments.demo_report import cost_rows
from experiments.run_folder import read_json
from tools.energy_models import readme_table as models_table
from tools.headline.results import readme_table as stamps_table
from tools.readme_full import table as full_table
from tools.readme_kernels import table as kernels_table
from tools.readme_systems import table as systems_table
from tools.results import FOLDER, spread
from tools.stream_document import readme_table as stream_table

ROOT = Path(__file__).resolve().parent.parent
NOT_RUNS = (
    "audit_released",
    "backends",
    "energy_models",
    "exact_families",
    "full_audit",
    "held_information",
    "pareto",
    "parity",
    "post_training",
    "systems",
)
OTHERS = ("stream", "stamps")  # how the names of what has a table of its own begin


def percent(values: Sequence[float]) -> str:
    return f"{100 * mean(values):.1f} ± {100 * stdev(values):.1f} %" if len(values) > 1 else f"{100 * values[0]:.1f} %"


FIGURES = (
    ("mIoU, ANN control", "miou_control", spread),
    ("mIoU, integer SNN (I-LIF, D = 4, T = 1; folded, snapped, run from events)", "miou_snn", spread),
    ("gap, control - SNN", "gap", spread),
    ("mIoU, SNN straight after conversion, no training", "miou_snn_direct", spread),
    ("mIoU lost under another clip's sound, control", "other_drop_control", spread),
    ("mIoU lost under another clip's sound, SNN", "other_drop_snn", spread),
    ("mIoU on the silent object when it is given the sound, control", "swap_control", spread),
    ("the same, SNN", "swap_snn", spread),
    ("the same, audio-blind ANN", "swap_blind", spread),
    ("multiplies driven by spikes, outside the two input layers", "spike_fed_share", percent),
)


def demo_table(figures: Sequence[dict[str, Any]]) -> list[str]:
    seeds = ", ".join(str(f["seed"]) for f in figures)
    lines = [f"| 200 held-out clips, seeds {seeds} | mean ± s.d. |", "|---|---|"]
    lines += [f"| {title} | {show([f[key] for f in figures])} |" for title, key, show in FIGURES]
    lines.append(
        f"| event runner equals the quantised ANN, bit for bit | {sum(f['exact'] for f in figures)} of {len(figures)} |"
    )
    return lines


def cost_table(figures: Sequence[dict[str, Any]]) -> list[str]:
    tables = [cost_rows(f) for f in figures]
    lines = ["| saving of the SNN | SNN uJ | against uJ | saving |", "|---|---|---|---|"]
    for rows in zip(*tables, strict=True):
        ours, theirs = (mean(r[i] for r in rows) for i in (1, 2))
        lines.append(f"| `{rows[0][0]}` | {ours:.2f} | {theirs:.2f} | {percent([r[3] for r in rows])} |")
    return lines


def single_rows(names: Sequence[str]) -> list[str]:
    """One line for each result that is a run's ``metrics.json``."""
    lines = ["| run | mIoU | F | other audio | T | D | command |", "|---|---|---|---|---|---|---|"]
    for name in names:
        kept = read_json(FOLDER / f"{name}.json")
        f = kept["figures"]
        cells = (
            name,
            f"{f['miou']:.3f}",
            f"{f['fscore']:.3f}",
            f"{f['miou_other_audio']:.3f}",
            f["steps"],
            f["levels"],
        )
        lines.append("| " + " | ".join(map(str, cells)) + f" | `{kept['command']}` |")
    return lines


def runs() -> str:
    names = sorted(p.stem for p in FOLDER.glob("*.json"))
    demos = [n for n in names if n.startswith("demo_seed")]
    figures = [read_json(FOLDER / f"{n}.json")["figures"] for n in demos]
    commands = [f"`{read_json(FOLDER / f'{n}.json')['command']}`" for n in demos]
    parts = ["\n".join(demo_table(figures)), "\n".join(cost_table(figures)), "From " + ", ".join(commands) + "."]
    rest = [n for n in names if n not in (*demos, *NOT_RUNS) and not n.startswith(OTHERS)]
    if rest:
        parts.append("\n".join(single_rows(rest)))
    return "\n\n".join(parts)


# Page -> the name of the table that stands in it, and what writes that.
BLOCKS: dict[str, tuple[str, Callable[[], str]]] = {
    "README.md": ("results", runs),
    "docs/energy.md": ("energy models", models_table),
    "docs/real.md": ("stamps", stamps_table),
    "docs/video.md": ("stream", stream_table),
    "docs/systems.md": ("systems", systems_table),
    "docs/kernels.md": ("kernels", kernels_table),
    "docs/cluster.md": ("full size", full_table),
}


def rewritten(page: str) -> str:
    """The page with its table as the results give it."""
    name, block = BLOCKS[page]
    begin, end = f"<!-- {name}: python -m tools.readme -->", f"<!-- end of {name} -->"
    head, _, rest = (ROOT / page).read_text().partition(begin)
    _, marker, tail = rest.partition(end)
    if not marker:
        raise ValueError(f"{page} has no lines '{begin}' and '{end}', expected both, in this order")
    return f"{head}{begin}\n\n{block()}\n\n{end}{tail}"


def main() -> int:
    for page in BLOCKS:
        write_whole(ROOT / page, rewritten(page))
    return 0


if __name__ == "__main__":
    sys.exit(main())
