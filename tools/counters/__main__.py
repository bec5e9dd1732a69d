"""``python -m tools.counters RUN [--clips N] [--json F] [--markdown F]``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import torch
from rich.console import Console
from rich.table import Table

from common.files import write_whole
from experiments.dataset import real_frames, split
from experiments.network import load_run
from experiments.run_folder import write_json
from tools.counters.difference import as_json, explained, ours
from tools.counters.layers import layers
from tools.counters.report import HEAD, cells, markdown, sentences
from tools.counters.rules import COUNTERS
from tools.results import provenance
from tools.sentence import in_a_sentence


@in_a_sentence
def main(words: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.counters")
    parser.add_argument("run", help="the folder of a run")
    parser.add_argument("--clips", type=int, default=4)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--markdown", type=Path)
    given = parser.parse_args(words)
    run = load_run(given.run)
    data = split(run.settings.data, "test")
    frames, clips = real_frames(data), min(given.clips, len(data))
    places = torch.arange(clips).repeat_interleave(frames)
    batch = data.frame_batch(places, torch.arange(frames).repeat(clips))
    seen = layers(run.deployed, [{k: batch[k] for k in ("image", "logmel")}])
    total = frames * clips
    verdicts = [ours(seen, total), *(explained(counter, seen, total) for counter in COUNTERS)]
    table = Table(*HEAD)
    for verdict in verdicts:
        table.add_row(*cells(verdict))
    console = Console()
    console.print(table)
    for verdict in verdicts[1:]:
        console.print(f"\n{verdict.counter}", *sentences(verdict, verdicts[0]), sep="\n  ", markup=False)
    command = f"python -m tools.counters RUN --clips {clips}"
    if given.json:
        write_json(given.json, {**provenance(command), "counters": [as_json(v) for v in verdicts]})
    if given.markdown:
        write_whole(given.markdown, markdown("One network under four counters", command, verdicts))
    return 0


if __name__ == "__main__":
    sys.exit(main())
