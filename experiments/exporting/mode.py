"""``--mode export``: write what a run deploys in another's form, judged by the other's own executor first."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import torch
from safetensors.numpy import load

from common.files import write_whole
from convert.export import arrays_of
from experiments.dataset import real_frames, split
from experiments.errors import UserError
from experiments.exporting import TARGETS, Target
from experiments.exporting.target import Asked
from experiments.frames import first_frames
from experiments.modes.export import ExportSettings
from experiments.network import Run, for_inference, load_run
from experiments.run_folder import read_json, write_json
from graph.infer import window

REPORT = "export.json"


@torch.no_grad()
def asked(run: Run, frames: int) -> Asked:
    network, clips = for_inference(run.deployed), split(run.settings.data, "val")
    count = real_frames(clips)
    clip = first_frames(clips, count, count)
    return Asked(
        network=network,
        arrays=load(arrays_of(network)),
        clip=clip,
        logits=network(**clip)["mask"].numpy(),
        together=window(network.graph),
        frames=frames,
    )


def require(target: Target) -> None:
    missing = [name for name in target.packages if find_spec(name) is None]
    if missing:
        raise UserError(
            f"--to {target.name} needs the package {missing[0]}, which is not installed, expected it: "
            "pip install 'spikeavs[export]'"
        )


def export(settings: ExportSettings) -> None:
    target, run = TARGETS[settings.to], load_run(settings.run)
    require(target)
    out = Path(settings.out) if settings.out else run.folder / f"mask{target.suffix}"
    if not out.parent.is_dir() or out.is_dir():
        raise UserError(f"--out is '{out}', expected a file in a folder that is there")
    try:
        written = target.write(asked(run, settings.frames))
    except ValueError as error:
        raise UserError(f"'{run.name}' cannot be written as {target.name}: {error}") from error
    write_whole(out, written.content)
    path = out.parent / REPORT
    known = read_json(path) if path.is_file() else {}
    write_json(path, {**known, target.name: {"file": out.name, "bytes": len(written.content), **written.report}})
    print(f"{out}: {len(written.content) / 1e6:.1f} MB, {written.line}")
