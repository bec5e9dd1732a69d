"""Plain tables beside the vectors: AVSBench's mask metrics and VGGish's log-mel, from ``metrics_audio.npz``."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from avs.audio import log_mel
from avs.metrics import AVSBenchF, AVSBenchIoU
from tools.parity.cases import relative
from tools.parity.run import Measured

FILE = "metrics_audio.npz"
TOLERANCE = 1e-5


def metrics_and_audio(folder: Path) -> list[Measured]:
    """Nothing where the folder has no such table."""
    if not (folder / FILE).exists():
        return []
    with np.load(folder / FILE) as stored:
        given = {key: stored[key] for key in stored.files}
    logits, truth = torch.from_numpy(given["logits"]), torch.from_numpy(given["gt"])
    ours = {"logmel": log_mel(torch.from_numpy(given["wav"])).numpy()}
    for key, metric in (("miou", AVSBenchIoU()), ("fscore", AVSBenchF())):
        metric.update(logits, truth)
        ours[key] = metric.compute().numpy()
    return [
        Measured(f"{FILE}: {key}", relative(value.astype(float), given[key].astype(float)), TOLERANCE)
        for key, value in ours.items()
    ]
