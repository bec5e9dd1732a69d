"""The exported network once more, with neurons that fire one event a step, up or down: is it equal once settled?"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from convert.exactness import rows_of, same_bits
from convert.export import read
from events.bounds import LARGEST, require_bounds
from events.settle import longest_path, settle
from graph.infer import window
from graph.lower import Network


@dataclass(frozen=True, kw_only=True)
class Signed:
    """Of some windows of frames: ``steps`` until nobody fired; ``exact``: each time with the quantised ANN's bits.
    ``bound``: D times the most sites on a path. ``corrections``: share of events that were taken back, or took back.
    ``adds``: weight additions, over those of the same frames with whole counts. ``refused``: why it was not run."""

    exact: bool = False
    steps: tuple[int, ...] = ()
    bound: int = 0
    corrections: float = 0.0
    adds: float = 0.0
    refused: str = ""


@torch.no_grad()
def signed(reference: Network, folder: Path, batch: dict[str, Tensor], levels: int) -> Signed:
    """``reference``: the folded, snapped quantised ANN in torch; ``folder``: the exported network."""
    graph, arrays = read(folder)
    try:
        require_bounds(graph, arrays, LARGEST)
    except ValueError as error:  # a sum that could leave the exact range, whatever the frame
        return Signed(refused=str(error))
    expected = reference.eval()(image=batch["image"], logmel=batch["logmel"])["mask"].numpy()
    clip, found, same = window(graph), [], True
    for start in range(0, len(expected), clip):
        rows = slice(start, start + clip)
        found.append(settle(graph, arrays, rows_of(batch, rows)))
        same &= same_bits(found[-1].outputs["mask"], expected[rows])
    events = sum(f.events for f in found)
    return Signed(
        exact=same,
        steps=tuple(f.steps for f in found),
        bound=levels * longest_path(graph),
        corrections=sum(f.corrections for f in found) / max(1, events),
        adds=sum(sum(f.adds) for f in found) / max(1, sum(f.at_once for f in found)),
    )
