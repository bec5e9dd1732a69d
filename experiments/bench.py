"""``python -m experiments.bench``: seconds of a training step and of accounting a frame, per dialect, on this machine.

The median of several repeats after a warm-up, and their spread. One thread, the tiny network, 16 frames.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from functools import partial
from statistics import median

import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor, fx, nn

from ann import ANN, QANN
from convert.fold import fold_network
from energy.account import account
from graph.lower import lower
from graph.models import build
from graph.passes import SpikeSpec, spikify
from snn import SNN, NeuronSpec

REPEATS = 5
Batch = dict[str, Tensor]


def networks() -> dict[str, fx.GraphModule]:
    graph = build("miavs", "tiny").pruned(["mask"])
    lif = NeuronSpec(kind="lif", steps=4, levels=1)
    return {
        "ANN": lower(graph, ANN),
        "QANN, D=4": lower(spikify(graph), QANN),
        "SNN, I-LIF D=4 T=1": lower(spikify(graph), SNN(NeuronSpec())),
        "SNN, LIF T=4": lower(spikify(graph, SpikeSpec(levels=1, steps=4, signed=False)), SNN(lif)),
    }


def timed(action: Callable[[], object]) -> list[float]:
    action()
    seconds = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        action()
        seconds.append(time.perf_counter() - start)
    return seconds


def training_step(module: fx.GraphModule, batch: Batch) -> Callable[[], object]:
    nn.Module.to(module, memory_format=torch.channels_last)  # type: ignore[call-overload]
    module.train()
    return lambda: module(**batch)["mask"].square().mean().backward()


def main() -> int:
    torch.set_num_threads(1)
    batch = {"image": torch.randn(16, 3, 64, 64), "logmel": torch.randn(16, 1, 96, 64)}
    frame = {k: v[:1] for k, v in batch.items()}
    table = Table(title="tiny MI-AVS, one CPU thread, median of 5 (fastest - slowest)")
    for column in ("network", "training step of 16 frames, s", "accounting a frame, s"):
        table.add_column(column, justify="left" if column == "network" else "right")
    for name, module in networks().items():
        step = timed(training_step(module, batch))
        dialect = {"ANN": ANN, "QANN, D=4": QANN}.get(name)
        cells = ["-"]
        if dialect is not None:
            folded = fold_network(module.eval(), dialect)
            counting = timed(partial(account, folded, [frame]))
            cells = [f"{median(counting):.3f} ({min(counting):.3f} - {max(counting):.3f})"]
        table.add_row(name, f"{median(step):.3f} ({min(step):.3f} - {max(step):.3f})", *cells)
    Console().print(table)
    return 0


if __name__ == "__main__":
    sys.exit(main())
