"""One run on every test split, under every sound; kept beside the run, so that it is scored once."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from avs.clip import Clips, knows_objects
from avs.metrics import mask_iou
from avs.stamps import KINDS
from experiments.binding import METRICS
from experiments.dataset import split
from experiments.errors import UserError
from experiments.evaluate import all_scores, score
from experiments.network import Run, load_run
from experiments.robust_mode import scores as robust_scores
from experiments.run_folder import read_json, write_json
from experiments.settings import RunSettings

HEADLINE = "unseen_both"
FILE = "headline.json"
LISTENED = (HEADLINE, "seen")  # splits that are scored under other sounds, too: each costs a pass
KEPT = ("miou", "fscore", "miou_other_audio", "miou_swap_audio", "miou_mute_audio")


def clips_of(settings: RunSettings, kind: str) -> Clips:
    data = settings.data
    if data.dataset != "stamps":
        raise UserError(f"the run is of {data.dataset}, expected one of stamps")
    clips = split(replace(data, kind=kind), "test")  # type: ignore[call-arg]
    assert knows_objects(clips)
    return clips


def scored(name: str, seed: int = 0) -> dict[str, Any]:
    """Of a run: by split its scores, those of `--mode robust` on the headline's split, and what its metrics say."""
    run = load_run(name)
    path, metrics = run.folder / FILE, read_json(run.folder / METRICS)
    if path.is_file() and read_json(path).get("files") == metrics["files"]:
        return dict(read_json(path))
    found = {
        "files": metrics["files"],
        "splits": {kind: _split(run, kind) for kind in KINDS},
        "robust": {
            key: value
            for key, value in robust_scores(run.deployed, clips_of(run.settings, HEADLINE), seed, run.name).items()
            if key.startswith("g_")
        },
        **{key: metrics.get(key) for key in ("miou_val", "spike_fed_share", "parameters", "train_seconds")},
        **{key: metrics[key] for key in ("miou_direct", "miou_trained", "exact", "weight_bits") if key in metrics},
    }
    write_json(path, found)
    return found


def _split(run: Run, kind: str) -> dict[str, Any]:
    clips = clips_of(run.settings, kind)
    if kind in LISTENED:
        found = all_scores(run.deployed, clips)
        return {key: found[key] for key in (*KEPT, "miou_per_clip")}
    right = score(run.deployed, clips)
    per_clip = [round(float(v), 6) for v in right.per_clip]
    return {"miou": right.miou, "fscore": right.fscore, "miou_per_clip": per_clip}


def oracle(settings: RunSettings, kind: str) -> float:
    """mIoU of who is deaf and sees perfectly: every object is marked, always."""
    clips = clips_of(settings, kind)
    total = 0.0
    for clip in range(len(clips)):
        everything = (clips.slots[clip] > 0).float() * 2 - 1
        total += float(mask_iou(everything, clips.masks[clip].long()).mean())
    return total / len(clips)


def _kept(found: dict[str, Any]) -> dict[str, Any]:
    """Clip by clip the headline's split alone, which the bound is of; the others would be most of a result."""
    splits = {
        kind: {key: value for key, value in of.items() if kind == HEADLINE or key != "miou_per_clip"}
        for kind, of in found["splits"].items()
    }
    return {**found, "splits": splits}


def folder_scores(folder: Path, names: list[str]) -> dict[str, Any]:
    """Of one seed: every arm that is there."""
    arms = {name: _kept(scored(str(folder / name))) for name in names}
    settings = load_run(str(folder / names[0])).settings
    return {"arms": arms, "oracle": {kind: oracle(settings, kind) for kind in KINDS}}
