"""From a grid to the commands of a sweep.

An arm is one choice of the settings that are compared; every arm is run with every seed. With a ``first`` stage, all
arms of a seed start from one and the same run of it, so that a difference between two arms of a seed is theirs alone.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

from experiments.errors import UserError, unknown
from experiments.modes.ablate import AblateSettings
from experiments.sweep import Point
from experiments.sweep.point import MAIN

CONFIGS = MAIN.parent / "configs"
FIRST = "first"
SMOKE_SEEDS = 2
SMOKE = ("data.train=16", "data.val=4", "data.test=30", "train.epochs=1")
# How a run starts from the first stage: by its mode.
STARTS = {"convert": "--from"}
START = "--init"
# Not a key of a run: whether an arm starts from the first stage.
STARTING, FROM_FIRST, FROM_NOTHING = "start", "first", "nothing"


@dataclass(frozen=True, kw_only=True)
class Arm:
    """``label``: what a reader calls it; ``options``: (key, value) that it sets."""

    label: str
    options: tuple[tuple[str, str], ...] = ()

    @property
    def folder(self) -> str:
        return re.sub(r"[^a-z0-9.]+", "-", self.label.lower()).strip("-")

    @property
    def words(self) -> tuple[str, ...]:
        return flags([o for o in self.options if o[0] != STARTING])

    @property
    def starts(self) -> bool:
        """From the run of the first stage."""
        word = dict(self.options).get(STARTING, FROM_FIRST)
        if word not in (FROM_FIRST, FROM_NOTHING):
            raise unknown(f"variants: {STARTING} of '{self.label}'", word, (FROM_FIRST, FROM_NOTHING))
        return word == FROM_FIRST


@dataclass(frozen=True, kw_only=True)
class Plan:
    """``runs``: (arm, seed) -> its point; ``points``: all of the sweep, first stages included."""

    arms: tuple[Arm, ...]
    reference: Arm
    seeds: tuple[int, ...]
    runs: dict[tuple[str, int], Point]
    points: tuple[Point, ...]


def option(text: str, where: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not (key and equals and value):
        raise UserError(f"{where}: found '{text}', expected key=value, for example train.lr=0.005")
    return key.strip(), value.strip()


def flags(options: Sequence[tuple[str, str]]) -> tuple[str, ...]:
    return tuple(word for key, value in options for word in (f"--{key}", value))


def variant(text: str) -> Arm:
    label, colon, rest = text.partition(":")
    if not colon or not label.strip():
        raise UserError(f"variants: found '{text}', expected 'label: key=value key=value'")
    return Arm(label=label.strip(), options=tuple(option(word, "variants") for word in rest.split()))


def axis(text: str) -> list[Arm]:
    key, values = option(text, "grid")
    return [Arm(label=f"{key.split('.')[-1]} {v}", options=((key, v),)) for v in values.split(",")]


def arms(settings: AblateSettings) -> tuple[Arm, ...]:
    axes = ([[variant(v) for v in settings.variants]] if settings.variants else []) + [axis(a) for a in settings.grid]
    if not axes:
        raise UserError("variants and grid are empty, expected one of them: what is compared?")
    crossed = [
        Arm(label=", ".join(a.label for a in chosen), options=tuple(o for a in chosen for o in a.options))
        for chosen in product(*axes)
    ]
    for what in ("label", "folder"):
        names = [getattr(arm, what) for arm in crossed]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise UserError(f"two arms of the ablation have the {what} '{twice}', expected one each")
    if len(crossed) < 2:
        raise UserError(f"the ablation has {len(crossed)} arm, expected at least two to compare")
    return tuple(crossed)


def reference(settings: AblateSettings, every: tuple[Arm, ...]) -> Arm:
    labels = {arm.label: arm for arm in every}
    if not settings.reference:
        return every[0]
    if settings.reference not in labels:
        raise unknown("reference", settings.reference, labels)
    return labels[settings.reference]


def _config(name: str, key: str) -> tuple[str, str]:
    path = CONFIGS / name
    if not path.is_file():
        raise unknown(key, name, sorted(str(p.relative_to(CONFIGS)) for p in CONFIGS.glob("*.yaml")))
    return "--config", str(path)


def plan(settings: AblateSettings) -> Plan:
    """Points, each of which the command line has read and found in order."""
    out, every = Path(settings.out), arms(settings)
    seeds = settings.seeds[:SMOKE_SEEDS] if settings.smoke else settings.seeds
    if len(set(seeds)) != len(seeds) or not seeds:
        raise UserError(f"seeds is {list(settings.seeds)}, expected one or more, each once")
    small = (*SMOKE, *settings.smoke_options) if settings.smoke else ()
    shared = [option(o, "options") for o in settings.options]
    runs, points, start = dict[tuple[str, int], Point](), list[Point](), ""
    for seed in seeds:
        before: tuple[Point, ...] = ()
        own = ("--seed", str(seed))
        last = flags([option(o, "smoke_options") for o in small])
        if settings.first:
            more = flags([*shared, *(option(o, "first_options") for o in settings.first_options)])
            words = (*_config(settings.first, "first"), *more, *last, *own)
            before = (Point(title=f"first stage, seed {seed}", run=out / f"{FIRST}-{seed}", arguments=words),)
            points += before
        for arm in every:
            more = flags([*shared, *(option(o, "compared_options") for o in settings.compared_options)])
            words = (*_config(settings.compared, "compared"), *more, *arm.words, *last, *own)
            needed = before if arm.starts else ()
            start = start or (_start(words) if needed else "")
            words += tuple(w for point in needed for w in (start, str(point.run)))
            run = out / f"{arm.folder}-{seed}"
            point = Point(title=f"{arm.label}, seed {seed}", run=run, arguments=words, after=needed)
            runs[arm.label, seed] = point
            points.append(point)
    for point in points[: len(points) // len(seeds)] + [runs[every[0].label, seed] for seed in seeds[1:]]:
        _read(point)  # the points of another seed differ by the seed alone
    return Plan(arms=every, reference=reference(settings, every), seeds=seeds, runs=runs, points=tuple(points))


def _start(words: Sequence[str]) -> str:
    from experiments.cli.command import stated

    return STARTS.get(stated(words).mode, START)


def _read(point: Point) -> None:
    """What the run itself would refuse, said now and of the ablation."""
    from experiments.cli.command import stated

    try:
        stated(point.words)
    except UserError as error:
        raise UserError(f"'{point.title}': {error}") from error
