"""``python -m tools.compare_backends [--json F] [--markdown F]``: our neurons and those of other libraries, in one
network.

For each setting of the neuron the tiny MI-AVS network of the demo is built with the same weights on our backends and on
the library's, and trained for a few steps on the same frames of chimes. A row says "equal" (every spike of the first
step, and gradients within 1e-5 of the largest, as by our reference arithmetic, ``torch``) or "refused because ...".
Time of a step (forward, backward, update; the best of all) and what is kept for backward are beside ``native``, which
takes a norm and its neurons in one pass: its sums round otherwise, so it is no judge of a spike at the very edge.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor, nn

from avs import chimes
from common.files import write_whole
from experiments.run_folder import write_json
from graph.lower import Network, lower
from graph.models import build
from graph.neuron import Neuron
from graph.passes import SpikeSpec, spikify
from layers.site import SpikeSite
from snn import snn
from snn.libraries import LIBRARIES
from tools.results import provenance

STEPS, UPDATES, TOLERANCE = 4, 3, 1e-5
REFERENCE, OURS = "torch", "native"
LIF, IF = Neuron(kind="lif", levels=1, decay_input=False), Neuron(kind="if", levels=1)
OPEN = {"detach_reset": False, "surrogate": "triangle", "alpha": 1.0}
# Setting -> (neuron, signed).
SETTINGS: dict[str, tuple[Neuron, bool]] = {
    "the demo's LIF": (LIF, False),
    "the demo's IF": (IF, False),
    "IF, starts at half a threshold": (replace(IF, v_init=0.5), False),
    "LIF, hard reset": (replace(LIF, reset="hard"), False),
    "LIF, its input decays": (replace(LIF, decay_input=True), False),
    "LIF, gradient through the reset, triangle": (replace(LIF, **OPEN), False),  # type: ignore[arg-type]
    "LIF, rectangle": (replace(LIF, surrogate="rectangle"), False),
    "PLIF": (Neuron(kind="plif", levels=1), False),
    "IF, signed": (IF, True),
    "I-LIF, D 4": (Neuron(kind="ilif", levels=4), False),
}


@dataclass(frozen=True, kw_only=True)
class Training:
    """Of a few steps: the loss of each, the counts and gradients of the first, seconds of the best, bytes kept."""

    losses: tuple[float, ...]
    counts: tuple[Tensor, ...]
    gradient: Tensor
    seconds: float
    kept: int


@dataclass(frozen=True, kw_only=True)
class Row:
    """``verdict``: "equal", "refused because ...", or what differs. Times and bytes as multiples of ours."""

    setting: str
    library: str
    verdict: str
    spikes_equal: float | None = None
    gradient_error: float | None = None
    loss_error: float | None = None
    seconds: float | None = None
    times_ours: float | None = None
    kept_mb: float | None = None
    kept_times_ours: float | None = None


def frames(count: int) -> tuple[dict[str, Tensor], Tensor]:
    clips = chimes.load(chimes.ChimesSpec(), "train", count, None)
    batch = clips.frame_batch(torch.arange(count), torch.zeros(count, dtype=torch.int64))
    return {k: batch[k] for k in ("image", "logmel")}, (batch["mask"] > 0).float()


def network(neuron: Neuron, signed: bool, backend: str) -> Network:
    form = SpikeSpec(neuron=neuron, steps=STEPS, norm="batch", signed=signed)
    made: Network = lower(spikify(build("miavs", "tiny").pruned(["mask"]), form), snn(backend))
    return made


def train(module: Network, batch: dict[str, Tensor], mask: Tensor) -> Training:
    """``UPDATES`` steps of AdamW on one batch."""
    optimizer = torch.optim.AdamW(module.parameters(), lr=1e-3)
    counts: list[Tensor] = []
    hooks = [
        site.register_forward_hook(lambda m, i, out: counts.append(out.detach()))
        for site in module.modules()
        if isinstance(site, SpikeSite)
    ]
    losses, seconds, kept, gradient = [], [], [0], torch.zeros(0)

    def packed(x: Tensor) -> Tensor:
        kept[0] += x.numel() * x.element_size()
        return x

    module.train()
    for update in range(UPDATES):
        began = time.perf_counter()
        with torch.autograd.graph.saved_tensors_hooks(packed, lambda x: x):
            predicted = module(**batch)["mask"][:, 0]
        loss = nn.functional.binary_cross_entropy_with_logits(predicted, mask.reshape(predicted.shape))
        loss.backward()
        if not update:
            gradient = torch.cat([p.grad.flatten() for p in module.parameters() if p.grad is not None])
            for hook in hooks:
                hook.remove()
        optimizer.step()
        optimizer.zero_grad()
        seconds.append(time.perf_counter() - began)
        losses.append(loss.item())
    return Training(
        losses=tuple(losses),
        counts=tuple(counts),
        gradient=gradient,
        seconds=min(seconds),
        kept=kept[0] // UPDATES,
    )


def compared(setting: str, library: str, ours: Training, native: Training, theirs: Training) -> Row:
    same = sum(int(torch.eq(a, b).sum()) for a, b in zip(ours.counts, theirs.counts, strict=True))
    share = same / sum(a.numel() for a in ours.counts)
    gradient = float((ours.gradient - theirs.gradient).abs().max() / ours.gradient.abs().max().clamp(min=1e-12))
    loss = max(abs(a - b) for a, b in zip(ours.losses, theirs.losses, strict=True))
    equal = share == 1 and gradient <= TOLERANCE
    return Row(
        setting=setting,
        library=library,
        verdict="equal" if equal else f"differs: {share:.6f} of spikes equal, gradient off by {gradient:.1e}",
        spikes_equal=share,
        gradient_error=gradient,
        loss_error=loss,
        seconds=theirs.seconds,
        times_ours=theirs.seconds / native.seconds,
        kept_mb=theirs.kept / 1e6,
        kept_times_ours=theirs.kept / native.kept,
    )


def rows(count: int, settings: Sequence[str] = tuple(SETTINGS)) -> list[Row]:
    batch, mask = frames(count)
    table = []
    for setting in settings:
        neuron, signed = SETTINGS[setting]
        made: dict[str, Training] = {}
        for name, backend in LIBRARIES.items():
            reason = backend.refuses(neuron, signed, STEPS)
            if reason:
                table.append(Row(setting=setting, library=name, verdict=f"refused because {reason}"))
                continue
            for each in (REFERENCE, OURS, name):
                if each not in made:
                    torch.manual_seed(0)  # the same weights
                    made[each] = train(network(neuron, signed, each), batch, mask)
            table.append(compared(setting, name, made[REFERENCE], made[OURS], made[name]))
    return table


def _number(value: float | None, form: str) -> str:
    return "" if value is None else format(value, form)


def cells(row: Row) -> tuple[str, ...]:
    return (
        row.setting,
        row.library,
        row.verdict,
        _number(row.gradient_error, ".1e"),
        _number(row.loss_error, ".1e"),
        _number(row.times_ours, ".2f"),
        _number(row.kept_times_ours, ".2f"),
    )


HEAD = ("neuron", "library", "verdict", "gradient error", "loss error", "time / ours", "kept / ours")


def markdown(table: Sequence[Row], command: str) -> str:
    body = [f"| {' | '.join(cells(row))} |" for row in table]
    return "\n".join(
        [
            "# Neurons of other libraries in our networks",
            "",
            f"Written by `{command}`: the tiny MI-AVS network, four steps, three updates on chimes, same weights.",
            "Equal: every spike of the first update, and gradients within 1e-5, as by the reference (`neuron.backend:",
            "torch`). Gradient error: largest difference over the largest gradient. Loss error: largest of the three",
            "updates. Time of a step and bytes kept for backward are multiples of those of `native`.",
            "",
            f"| {' | '.join(HEAD)} |",
            "|" + "---|" * len(HEAD),
            *body,
            "",
        ]
    )


def main(words: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.compare_backends", description=__doc__.split("\n\n")[1])
    parser.add_argument("--json", type=Path, help="write the rows there")
    parser.add_argument("--markdown", type=Path, help="write the table there")
    parser.add_argument("--frames", type=int, default=8)
    given = parser.parse_args(words)
    torch.set_num_threads(1)
    table = rows(given.frames)
    shown = Table(*HEAD)
    for row in table:
        shown.add_row(*cells(row))
    Console().print(shown)
    command = "python -m tools.compare_backends --markdown docs/backends.md"
    if given.json:
        content: dict[str, Any] = {**provenance(command), "rows": [asdict(row) for row in table]}
        write_json(given.json, content)
    if given.markdown:
        write_whole(given.markdown, markdown(table, command))
    return int(any(row.verdict.startswith("differs") for row in table))


if __name__ == "__main__":
    sys.exit(main())
