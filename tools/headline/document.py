"""docs/stamps.md, and the README's rows, from the results of all seeds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from statistics import mean
from typing import Any

from avs.stamps import KINDS
from energy.tables import as_markdown
from tools.headline.arms import ARMS
from tools.headline.bound import bound
from tools.headline.scores import HEADLINE, LISTENED
from tools.results import spread

Figures = Sequence[dict[str, Any]]  # of each seed
SOUNDS = (("miou", "right sound"), ("miou_other_audio", "another clip's"), ("miou_mute_audio", "none"))


def arms_of(figures: Figures) -> list[str]:
    """Those that any seed has."""
    return [name for name in ARMS if any(name in f["arms"] for f in figures)]


def _seeds(figures: Figures, which: str = "") -> str:
    return f"{len(figures)} {which}seed{'s' if len(figures) > 1 else ''}"


def _with(figures: Figures, *arms: str) -> Figures:
    """The seeds that have them all."""
    return [f for f in figures if set(arms) <= set(f["arms"])]


def _title(figures: Figures, arm: str) -> str:
    """Says how many seeds it has, where it lacks some."""
    have = _with(figures, arm)
    return ARMS[arm].title if len(have) == len(figures) else f"{ARMS[arm].title} ({_seeds(have)})"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    return as_markdown([list(head), *map(list, rows)]).splitlines()


def _cell(figures: Figures, arm: str, read: Callable[[dict[str, Any]], float]) -> str:
    return spread([read(f["arms"][arm]) for f in _with(figures, arm)])


def splits_table(figures: Figures, key: str = "miou") -> list[str]:
    rows = [
        [_title(figures, arm), *(_cell(figures, arm, lambda a, k=kind: a["splits"][k][key]) for kind in KINDS)]  # type: ignore[misc]
        for arm in arms_of(figures)
    ]
    if key == "miou":
        marked = [spread([f["oracle"][kind] for f in figures]) for kind in KINDS]
        rows.append(["every object, always: deaf, with perfect eyes", *marked])
    return _table(["", *KINDS], rows)


def listening_table(figures: Figures, kind: str = HEADLINE) -> list[str]:
    """What ``--mode robust`` says is of the headline's split alone."""
    rows, robustness = [], ("g_miou", "g_fpr") if kind == HEADLINE else ()
    for arm in arms_of(figures):
        cells = [_cell(figures, arm, lambda a, k=key: a["splits"][kind][k]) for key, _ in SOUNDS]  # type: ignore[misc]
        swap = _cell(figures, arm, lambda a: a["splits"][kind]["miou_swap_audio"])
        robust = [_cell(figures, arm, lambda a, k=key: a["robust"][k]) for key in robustness]  # type: ignore[misc]
        rows.append([_title(figures, arm), *cells, swap, *robust])
    head = ["", *(title for _, title in SOUNDS), "swap: the silent one's sound", *robustness]
    return _table(head, rows)


def stages_table(figures: Figures) -> list[str]:
    """From the control to the network that runs on events, on the headline's split."""
    figures = _with(figures, "control", "convert")
    if not figures:
        return []
    read = [
        ("ANN, trained on: the control", lambda a: a["control"]["splits"][HEADLINE]["miou"]),
        ("straight after conversion, not trained", lambda a: a["convert"]["miou_direct"]),
        ("quantised ANN, as trained", lambda a: a["convert"]["miou_trained"]),
        ("folded, on the grid, from events", lambda a: a["convert"]["splits"][HEADLINE]["miou"]),
    ]
    rows = [[title, spread([of(f["arms"]) for f in figures])] for title, of in read]
    return _table(["", f"mIoU, {HEADLINE}, {_seeds(figures)}"], rows)


def verdict(figures: Figures) -> str:
    """The gap, and the most that it may be."""
    figures = _with(figures, "control", "convert")
    if not figures:
        return ""
    per_clip = {
        arm: [f["arms"][arm]["splits"][HEADLINE]["miou_per_clip"] for f in figures] for arm in ("control", "convert")
    }
    gap = mean(mean(c) - mean(s) for c, s in zip(per_clip["control"], per_clip["convert"], strict=True))
    most = bound(per_clip["control"], per_clip["convert"])
    return (
        f"On {HEADLINE} mIoU(control) - mIoU(SNN) is {gap:+.4f}, and with 95 % confidence no more than {most:+.4f} "
        f"({_seeds(figures, 'paired ')}, bootstrapped over seeds and clips)."
    )


def document(results: Sequence[dict[str, Any]]) -> str:
    figures = [r["figures"] for r in results]
    seeds = ", ".join(str(f["seed"]) for f in figures)
    commands = sorted({r["command"] for r in results})
    parts = [
        "# The headline on stamps\n",
        f"Written by `python -m tools.headline --table`. Seeds: {seeds}; mean ± standard deviation over them. Trained "
        f"and scored with {'; '.join(f'`{c}`' for c in commands)}.\n",
        "## mIoU by split\n",
        *splits_table(figures),
        "\n## F by split\n",
        *splits_table(figures, "fscore"),
        *(
            line
            for kind in LISTENED
            for line in ["", f"## Does it listen? {kind}", "", *listening_table(figures, kind)]
        ),
        "\n## From the ANN to events\n",
        *stages_table(figures),
        "",
        verdict(figures),
    ]
    energy = [f["energy"] for f in figures if f.get("energy")]
    if energy:
        parts += ["\n## Energy, frame by frame\n", *energy_table(energy)]
    return "\n".join(parts).rstrip() + "\n"


def energy_table(energy: Sequence[dict[str, Any]]) -> list[str]:
    """Shares saved by the SNN against each opponent, under every named rule."""
    keys = [key for key in energy[0] if all(key in e for e in energy)]
    rows = [[f"`{key}`", *([spread([e[key] for e in energy])])] for key in keys]
    return _table(["saving of the SNN against", "share"], rows)
