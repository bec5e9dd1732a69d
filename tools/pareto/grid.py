"""What is compared: SNNs converted from one ANN, each another choice of D, T and penalty, and the ANN trained on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from experiments.sweep import Point
from experiments.sweep.point import MAIN

CONFIGS = MAIN.parent / "configs"
FIRST, CONTROL, SPIKING = "demo_ann.yaml", "demo_control.yaml", "demo_convert.yaml"


@dataclass(frozen=True, kw_only=True)
class Choice:
    """At most ``levels`` spikes a step, ``steps`` of them; ``penalty`` weighs the mean count per MAC."""

    levels: int = 4
    steps: int = 1
    penalty: float = 0.08

    @property
    def name(self) -> str:
        return f"d{self.levels}-t{self.steps}-p{self.penalty:g}"

    @property
    def words(self) -> tuple[str, ...]:
        said = {"neuron.levels": self.levels, "neuron.steps": self.steps, "train.rate_penalty": self.penalty}
        return tuple(word for key, value in said.items() for word in (f"--{key}", f"{value:g}"))


PENALTIES = tuple(Choice(penalty=p) for p in (0.0, 0.03, 0.08, 0.2, 0.5))
LEVELS = tuple(Choice(levels=d) for d in (1, 2, 4, 8))
STEPS = tuple(Choice(levels=4 // t, steps=t) for t in (1, 2, 4))
# Each is a line of the figure.
SERIES = {"penalty 0 to 0.5": PENALTIES, "D 1 to 8": LEVELS, "T 1 to 4, D T = 4": STEPS}


def choices(series: Sequence[str] = tuple(SERIES)) -> dict[str, Choice]:
    """By name; one that several series hold is there once."""
    return {choice.name: choice for name in series for choice in SERIES[name]}


def points(out: Path, seed: int, options: Sequence[str]) -> dict[str, Point]:
    """The runs, OUT/NAME. ``options``: words that every command line gets."""

    def point(name: str, config: str, *words: str, after: tuple[Point, ...] = ()) -> Point:
        arguments = ("--config", str(CONFIGS / config), "--seed", str(seed), *options, *words)
        return Point(title=name, run=out / name, arguments=arguments, after=after)

    first = point("ann", FIRST)
    control = point("control", CONTROL, "--init", str(first.run), after=(first,))
    runs = {"ann": first, "control": control}
    for name, choice in choices().items():
        words = ("--from", str(first.run), "--distil.teacher", str(control.run), "--distil.logits", "1", *choice.words)
        runs[name] = point(name, SPIKING, *words, after=(first, control))
    return runs
