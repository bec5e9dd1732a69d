"""``--search.loss``: fewer levels where they are not missed, in a run that has been trained (`convert.search`)."""

from __future__ import annotations

import csv
import io
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch

from common.files import write_whole
from convert.levels import sites_of
from convert.search import Kept, search
from experiments.dataset import split
from experiments.device import moved
from experiments.evaluate import score
from experiments.frames import first_frames
from experiments.modes.convert import ConvertSettings
from experiments.network import for_inference
from experiments.run_folder import write_weights
from experiments.train_mode import Trained
from graph.infer import window
from graph.lower import Network, lower, where
from graph.lower.files import graph_file

FILE, FRAMES = "levels.csv", 16


def front_csv(front: list[Kept]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, ("site", "levels", "adds", "score"), lineterminator="\n")
    writer.writeheader()
    writer.writerows({**asdict(k), "adds": f"{k.adds:.0f}", "score": f"{k.score:.4f}"} for k in front)
    return text.getvalue()


def lines(front: list[Kept]) -> list[str]:
    """For a reader: what each halving left."""
    first = f"search.loss: {front[0].adds / 1e6:.2f} M additions a frame, mIoU {front[0].score:.4f} on val"
    return [first, *(f"  {k.site} to {k.levels}: {k.adds / 1e6:.2f} M, {k.score:.4f}" for k in front[1:])]


def as_in(whole: Network, part: Network) -> Network:
    """The whole network, training outputs too, with the levels and steps of its part."""
    nodes, found = dict(whole.graph.nodes), sites_of(part.graph)
    for name, site in found.items():
        nodes[name] = replace(nodes[name], op=replace(nodes[name].op, site=site))  # type: ignore[call-arg]
    other: Network = lower(replace(whole.graph, nodes=nodes), whole.dialect, task=whole.task)
    other.load_state_dict({**whole.state_dict(), **part.state_dict()})
    return other.to(where(whole))


def fewer_levels(settings: ConvertSettings, trained: Trained, folder: Path) -> tuple[Trained, dict[str, Any]]:
    """The run's files are those of what is left of it; the front is printed and written too."""
    clips = split(settings.data, "val")
    if settings.search.clips:
        clips = clips.subset(torch.arange(min(settings.search.clips, len(clips))))
    frames = moved(first_frames(clips, FRAMES, window(trained.network.graph)), where(trained.network))
    part, front = search(
        for_inference(trained.network), frames, lambda network: score(network, clips).miou, settings.search.loss
    )
    network = as_in(trained.network, part)
    write_whole(folder / "graph.json", graph_file(network))
    write_weights(folder / "model.safetensors", network.state_dict())
    write_whole(folder / FILE, front_csv(front))
    print("\n".join(lines(front)))
    levels = {name: site.levels for name, site in sites_of(network.graph).items()}
    found = {"loss": settings.search.loss, "clips": len(clips), "front": [asdict(k) for k in front], "levels": levels}
    return replace(trained, network=network), found
