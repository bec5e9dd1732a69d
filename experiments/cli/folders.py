"""Folders that a mode reads or writes, checked before anything is done: what must be there, what must not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from ann.known_weights import SOURCES, SUFFIXES
from experiments.errors import UserError, nearest
from experiments.modes import MODES
from experiments.overwrite import refuse_overwrite
from experiments.settings import RunSettings


def _is_run(folder: Path) -> bool:
    return (folder / "config.yaml").is_file()


def _source(key: str, run: str) -> None:
    folder = Path(run)
    if not _is_run(folder):
        parents = (folder.parent, Path("runs"))
        runs = sorted({str(p.parent) for parent in parents for p in parent.glob("*/config.yaml")})
        near = f"; nearest: '{nearest(run, runs)}'" if runs else ""
        what = "has no config.yaml" if folder.is_dir() else "is not there"
        raise UserError(f"{key} is '{run}', which {what}, expected the folder of a run{near}")


def _weights(settings: RunSettings) -> None:
    """The weight files that will be read: parts only where nothing fills the whole network."""
    model = settings.model
    parts = {"model.backbone_weights": model.backbone_weights, "model.audio_weights": model.audio_weights}
    whole = settings.weights or settings.init or MODES[settings.mode].needs_run
    for key, named in ({"weights": settings.weights} if whole else parts).items():
        path, others = Path(named), () if whole else SOURCES
        if not named or named in others or (path.is_file() and path.suffix in SUFFIXES):
            continue
        there = f"ends in '{path.suffix}'" if path.is_file() else "is a folder"
        what = there if path.exists() else "is not there"
        expected = " or ".join([f"a weight file ({', '.join(SUFFIXES)})", *(f"'{other}'" for other in others)])
        files = [str(p) for p in sorted(path.parent.glob("*")) if p.suffix in SUFFIXES and p.is_file()]
        near = f"; nearest: '{nearest(named, files)}'" if files else ""
        raise UserError(f"{key} is '{named}', which {what}, expected {expected}{near}")


def _teacher(settings: RunSettings) -> None:
    distil = settings.distil
    if distil.any and not settings.teacher:
        raise UserError("distil.teacher is missing, expected the run whose logits or features are to be followed")
    if distil.teacher and not distil.any:
        raise UserError(
            f"distil.teacher is '{distil.teacher}', and distil.logits and distil.features are 0, expected one above 0"
        )
    if settings.teacher:
        _source("distil.teacher", settings.teacher)


def _target(settings: RunSettings) -> None:
    run = Path(settings.run)
    if settings.resume and settings.overwrite:
        raise UserError("--resume and --overwrite are both set, expected one: continue the run, or replace it")
    if settings.resume:
        if not _is_run(run):
            _source("--run", settings.run)
    elif settings.overwrite:
        refuse_overwrite("run", run, "config.yaml")
    elif run.exists():
        raise UserError(f"run is '{run}', which exists, expected a new folder, or --resume, or --overwrite")


def _stem(config: str) -> str:
    """A config's name, after those of its folders below ``configs``: equally named ones are different runs."""
    *folders, name = Path(config).with_suffix("").parts
    below = folders[folders.index("configs") + 1 :] if "configs" in folders else []
    return "-".join([*below, name])


def named(settings: Any, config: str) -> Any:
    """Fill in the default run: ``runs/<config or model>-<mode>``."""
    if not isinstance(settings, RunSettings) or settings.run:
        return settings
    stem = _stem(config) if config else settings.model.name
    return replace(settings, run=f"runs/{stem}-{settings.mode}")


def folders(settings: Any) -> None:
    mode = MODES[settings.mode]
    value = getattr(settings, mode.reads) if mode.reads else ()
    runs = [value] if isinstance(value, str) else list(value)
    if mode.needs_run and not any(runs):
        key = mode.shown(mode.reads)
        raise UserError(f"{key} is missing, expected the folder of a run: --mode {mode.name} reads one")
    for run in filter(None, runs):
        _source(mode.shown(mode.reads), run)
    if isinstance(settings, RunSettings):
        _weights(settings)
        _teacher(settings)
        if not settings.replay:  # which writes nothing
            _target(settings)
    mode.check(settings)
