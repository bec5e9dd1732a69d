"""One case: official keys -> filled weights -> our network -> errors of every array, as a ``Result``."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from math import prod
from pathlib import Path

import numpy as np
import torch

from ann.checkpoints.keymap import translate
from tools.parity.cases import Array, Case
from tools.parity.fill import filled

BUFFERS = ("running_mean", "running_var", "num_batches_tracked")


@dataclass(frozen=True)
class Measured:
    array: str
    error: float
    tolerance: float

    @property
    def within(self) -> bool:
        return self.error <= self.tolerance  # nan is not


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


@torch.no_grad()
def measure(name: str, case: Case, folder: Path, seed: int, size: int) -> Result:
    shapes = json.loads((folder / f"{name}.keys.json").read_text())
    module = case.module(size).eval()
    translated = translate(filled(shapes, seed), case.keys, module.state_dict())
    module.load_state_dict(translated.state, strict=False)
    outputs = module(**case.inputs(np.random.RandomState(seed), size))
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
    return Result(
        name=name,
        keys=len(shapes),
        loaded=len(translated.loaded),
        unused=dict(Counter(translated.unused.values())),
        official=sum(prod(shape) for key, shape in shapes.items() if not key.endswith(BUFFERS)),
        measured=tuple(measured),
        note=case.notes(outputs, wanted),
    )
