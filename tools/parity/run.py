"""One case: official keys -> filled weights -> our network -> errors of every array, as a ``Result``."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import prod
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ann.checkpoints.keymap import translate
from tools.parity.cases import Array, Case, Check, Outputs
from tools.parity.fill import filled

BUFFERS = ("running_mean", "running_var", "num_batches_tracked")


@dataclass(frozen=True)
class Measured:
    """``by_rounding``: how far our own output moves when the input moves by one rounding; of chaotic cases only."""

    array: str
    error: float
    tolerance: float
    by_rounding: float = 0.0

    @property
    def within(self) -> bool:
        return self.error <= self.tolerance  # nan is not

    @property
    def undecided(self) -> bool:
        """Off, but no further than a rounding moves it."""
        return not self.within and self.error <= 2 * self.by_rounding


@dataclass(frozen=True)
class Result:
    """``unused``: reason -> how many official keys. ``official``: their parameters, ours and unused ones."""

    name: str
    keys: int
    loaded: int
    unused: dict[str, int]
    official: int
    measured: tuple[Measured, ...]
    note: str = ""

    @property
    def passed(self) -> bool:
        return bool(self.measured) and all(m.within for m in self.measured)

    @property
    def undecided(self) -> bool:
        """What can be decided is within tolerance, and a rounding is as large as the rest."""
        return not self.passed and bool(self.measured) and all(m.within or m.undecided for m in self.measured)


def _by_one_rounding(inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name: torch.nextafter(x, torch.full_like(x, torch.inf)) for name, x in inputs.items()}


def _moved(check: Check, moved: Outputs, ours: Outputs) -> float:
    return check.measure(check.take(moved).numpy().astype(float), check.take(ours).numpy().astype(float))


@torch.no_grad()
def measure(name: str, case: Case, folder: Path, seed: int, size: int) -> Result:
    shapes = json.loads((folder / f"{name}.keys.json").read_text())
    module = case.module(size).eval()
    translated = translate(filled(shapes, seed), case.keys, module.state_dict())
    module.load_state_dict(translated.state, strict=False)
    inputs = case.inputs(np.random.RandomState(seed), size)
    outputs = module(**inputs)
    with np.load(folder / f"{name}.npz") as stored:
        wanted: dict[str, Array] = {key: stored[key] for key in stored.files}
    for path in sorted(folder.glob(f"{name}.*.npz")):  # arrays that are noted, not compared
        with np.load(path) as stored:
            beside = path.name.removeprefix(f"{name}.").removesuffix(".npz")
            wanted |= {f"{beside}/{key}": stored[key] for key in stored.files}
    measured = []
    for key, check in case.checks.items():
        if key not in wanted:
            raise ValueError(f"{folder / name}.npz has no array '{key}', expected one of {', '.join(wanted)}")
        ours = check.take(outputs).numpy()
        if ours.shape != wanted[key].shape:
            raise ValueError(f"{name}: '{key}' came out as {ours.shape}, the vectors have {wanted[key].shape}")
        measured.append(Measured(key, check.measure(ours.astype(float), wanted[key].astype(float)), check.tolerance))
    if case.chaotic and not all(m.within for m in measured):
        moved = module(**_by_one_rounding(inputs))
        measured = [replace(m, by_rounding=_moved(case.checks[m.array], moved, outputs)) for m in measured]
    return Result(
        name=name,
        keys=len(shapes),
        loaded=len(translated.loaded),
        unused=dict(Counter(translated.unused.values())),
        official=sum(prod(shape) for key, shape in shapes.items() if not key.endswith(BUFFERS)),
        measured=tuple(measured),
        note=case.notes(outputs, wanted),
    )
