"""The weights that score best on val, kept beside the newest. Test is never asked: it is only reported."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from torch import Tensor

from common.files import write_whole
from experiments.run_folder import read_weights, write_weights
from experiments.training import processes
from graph.lower import Network

WEIGHTS = "best.safetensors"


class Best:
    """``every``: steps between scores, 0: none. ``validate``: a network -> its score on val."""

    def __init__(self, folder: Path, every: int, validate: Callable[[Network], float]) -> None:
        self.folder, self.every, self.validate = folder, every, validate
        self.step, self.score = 0, -1.0

    def due(self, step: int, total: int) -> bool:
        return bool(self.every) and (step % self.every == 0 or step == total)

    def look(self, step: int, trained: Callable[[], Network]) -> float:
        """Score the network as it is; it is kept if none before was as good."""
        network = trained()
        score = self.validate(network)
        if score > self.score:
            self.step, self.score = step, score
            if processes.first():
                write_weights(self.folder / WEIGHTS, network.state_dict())
                write_whole(self.folder / "best.json", json.dumps({"step": step, "miou_val": score}) + "\n")
        return score

    def weights(self) -> dict[str, Tensor]:
        processes.wait()
        return read_weights(self.folder / WEIGHTS)
