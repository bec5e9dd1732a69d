"""``--mode robust``: mIoU, F and marked area of a run under the right sound and under each of `avs.robust`'s."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

import torch
from rich.console import Console
from rich.table import Table

from avs.robust import CONDITIONS, NEGATIVE, AreaMeter, combined, under
from avs.split import Split
from experiments.dataset import split
from experiments.device import device_of, placed
from experiments.errors import UserError
from experiments.evaluate import score
from experiments.modes.robust import RobustSettings
from experiments.network import load_run
from experiments.progress import watched
from experiments.run_folder import write_json
from graph.lower import Network

RIGHT = "right"


@dataclass(frozen=True)
class Scored:
    miou: float
    fscore: float
    area: float


def scored(network: Network, clips: Split) -> Scored:
    area = AreaMeter()
    found = score(network, clips, [area])
    return Scored(found.miou, found.fscore, area.compute()["area"])


def scores(network: Network, clips: Split, seed: int, name: str) -> dict[str, Any]:
    """``robust.json``: of each sound its scores, and the three that combine them."""
    sounds: dict[str, Split] = {RIGHT: clips} | {c: under(clips, c, seed) for c in CONDITIONS}
    found = {sound: scored(network, sounds[sound]) for sound in watched(sounds, f"robust {name}", len(sounds))}
    false_positives = fmean(found[sound].area for sound in NEGATIVE)
    right = found[RIGHT]
    return {
        "clips": len(clips),
        "seed": seed,
        "sounds": {sound: vars(scores) for sound, scores in found.items()},
        "g_fpr": false_positives,
        "g_miou": combined(right.miou, false_positives),
        "g_fscore": combined(right.fscore, false_positives),
    }


def shown(found: dict[str, Any], name: str) -> Table:
    table = Table("sound", "mIoU", "F", "marked area", title=f"{name}, {found['clips']} clips", title_justify="left")
    for sound, of in found["sounds"].items():
        mark = "false positives" if sound in NEGATIVE else ""
        table.add_row(sound, f"{of['miou']:.4f}", f"{of['fscore']:.4f}", f"{of['area']:.4f} {mark}".strip())
    for key in ("g_miou", "g_fscore", "g_fpr"):
        table.add_row(key, f"{found[key]:.4f}", "", "")
    return table


def robust(settings: RobustSettings) -> None:
    run = load_run(settings.run)
    clips = split(run.settings.data, "test")
    if settings.clips:
        clips = clips.subset(torch.arange(min(settings.clips, len(clips))))
    out = Path(settings.out) if settings.out else run.folder / "robust.json"
    if not out.parent.is_dir():
        raise UserError(f"--out is '{out}', and there is no folder '{out.parent}', expected one")
    network = placed(run.deployed, device_of(settings.device))
    try:
        found = scores(network, clips, settings.seed, run.name)
    except ValueError as error:
        raise UserError(f"--clips is {settings.clips}: {error}") from error
    write_json(out, {"run": run.name, **found})
    Console().print(shown(found, run.name))
    print(out)
