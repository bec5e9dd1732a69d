"""What is compared, and how each is trained: the points of a sweep."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from experiments.errors import UserError, unknown
from experiments.sweep import Point
from experiments.sweep.point import MAIN

CONFIGS = MAIN.parent / "configs" / "stamps"
FIRST = "ann"


@dataclass(frozen=True, kw_only=True)
class Arm:
    """``title``: in the table; ``words``: more of its command line; ``reads``: options that name the run of an arm
    before it, which it starts from or follows."""

    name: str
    title: str
    config: str
    words: tuple[str, ...] = ()
    reads: tuple[tuple[str, str], ...] = ()


ARMS = {
    arm.name: arm
    for arm in (
        Arm(name=FIRST, title="ANN", config="ann.yaml"),
        Arm(name="blind", title="ANN, audio-blind", config="ann.yaml", words=("--deaf", "true")),
        Arm(name="control", title="ANN, trained on: the control", config="control.yaml", reads=(("--init", FIRST),)),
        Arm(
            name="convert",
            title="SNN, from the ANN",
            config="convert.yaml",
            reads=(("--from", FIRST), ("--distil.teacher", "control")),
        ),
        Arm(name="snn", title="SNN, from ImageNet's weights", config="snn.yaml"),
        Arm(name="released", title="MI-AVS as released", config="released.yaml"),
    )
}


def points(names: Sequence[str], seeds: Sequence[int], out: Path, options: Sequence[str]) -> list[Point]:
    """One run a seed and arm, OUT/seed-S/ARM. ``options``: words that every command line gets."""
    for name in names:
        if name not in ARMS:
            raise unknown("--arms", name, ARMS)
    told: list[Point] = []
    for seed in seeds:
        runs: dict[str, Point] = {}
        for name in names:
            arm = ARMS[name]
            for _, other in arm.reads:
                if other not in runs:
                    raise UserError(f"--arms is {' '.join(names)}, where {name} comes without '{other}' before it")
            read = [word for option, other in arm.reads for word in (option, str(runs[other].run))]
            words = ("--config", str(CONFIGS / arm.config), "--seed", str(seed), *arm.words, *options, *read)
            runs[name] = Point(
                title=f"{arm.title}, seed {seed}",
                run=out / f"seed-{seed}" / name,
                arguments=words,
                after=tuple(runs[other] for _, other in arm.reads),
            )
        told += runs.values()
    return told
