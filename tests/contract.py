"""What the contract of all families is checked with: every dialect of a family's tiny network, whole chimes clips, the
family's own loss, and how its tensors' gradients are judged."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest
import torch
import yaml
from torch import Tensor

from ann import ANN, QANN
from avs.chimes import ChimesSpec, load
from avs.clip import Clips
from avs.losses.masks import LossSpec, extra_losses
from avs.losses.objective import objective
from graph.dialect import Dialect
from graph.graph import Graph
from graph.lower import Network, lower
from graph.models import FAMILIES, build, spec_of
from graph.neuron import Neuron
from graph.passes import SpikeSpec, spikify
from snn import SNN

FRAMES, CLIPS = 5, 2
ROWS = FRAMES * CLIPS
SMALL, TINY = 32, 64  # pixels: to save time, and those of the tiny specs
LIF = yaml.safe_load((Path(__file__).parents[1] / "configs" / "demo_lif.yaml").read_text())
# In float64: what rounding alone leaves of a gradient is below this, and what means anything is far above.
NOTHING = 1e-12


@dataclass(frozen=True)
class Form:
    """How a family's graph becomes a network: ``spikes`` (None: real-valued) and the dialect's table."""

    table: Dialect
    spikes: SpikeSpec | None = None


def binary(steps: int) -> Form:
    """The neurons of configs/demo_lif.yaml."""
    neuron = Neuron(**{key: value for key, value in LIF["neuron"].items() if key != "steps"})
    return Form(SNN, SpikeSpec(neuron=neuron, steps=steps, **LIF["spikes"]))


FORMS = {
    "ann": Form(ANN),
    "qann": Form(QANN, SpikeSpec()),
    "ilif": Form(SNN, SpikeSpec(score="linear")),
    "lif": binary(2),
    "demo_lif": binary(LIF["neuron"]["steps"]),
}
LOSSES = {"av2ts": LossSpec(dice=0.0, bce=0.0, set=1.0)}
USUAL = LossSpec(feature=0.1)


def every(*dialects: str, slow: Iterable[str] = ()) -> pytest.MarkDecorator:
    """All registered families in these dialects; those in ``slow`` in the slow tests only."""
    marked = {d: [pytest.mark.slow] if d in slow else [] for d in (*dialects, *slow)}
    pairs = [pytest.param(f, d, marks=marks, id=f"{f}-{d}") for f in FAMILIES for d, marks in marked.items()]
    return pytest.mark.parametrize(("family", "dialect"), pairs)


@cache
def graph_of(family: str, dialect: str, size: int = SMALL) -> Graph:
    graph = build(family, spec_of(family, "tiny", image=size))
    spikes = FORMS[dialect].spikes
    return spikify(graph, spikes) if spikes else graph


def made(family: str, dialect: str, size: int = SMALL, outputs: list[str] | None = None) -> Network:
    torch.manual_seed(0)
    return lower(graph_of(family, dialect, size), FORMS[dialect].table, outputs)


@cache
def _split(size: int) -> Clips:
    return load(ChimesSpec(variant="ms3", size=size), "train", 6, None)


def whole(*chosen: int, size: int = SMALL) -> dict[str, Tensor]:
    """The frames of some clips, clip after clip, as a loss wants them: image, logmel, mask, labelled, clip."""
    rows = torch.tensor(chosen).repeat_interleave(FRAMES)
    return {**_split(size).frame_batch(rows, torch.arange(FRAMES).repeat(len(chosen))), "clip": rows}


def seen_by(module: Network, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """What a network reads of a batch, as precisely as it computes."""
    dtype = next(module.parameters()).dtype
    return {key: batch[key].to(dtype) for key in ("image", "logmel")}


@dataclass(frozen=True)
class Found:
    """``whole``: the family's loss. ``mask``: that part of it which no codebook can lower by moving of itself."""

    whole: Tensor
    mask: Tensor


def loss_of(family: str, module: Network, batch: Mapping[str, Tensor]) -> Found:
    outputs = module(**seen_by(module, batch))
    parts = objective(
        outputs,
        batch["mask"],
        LOSSES.get(family, USUAL),
        clip=batch["clip"],
        generator=torch.Generator().manual_seed(0),
        labelled=batch["labelled"],
    )
    assert all(part.isfinite().all() for part in parts.values()), parts
    return Found(
        parts["loss"], parts["loss"].detach() - sum(extra_losses(outputs).values(), torch.tensor(0.0)).detach()
    )


def halves(name: str, gradient: Tensor) -> dict[str, Tensor]:
    """A PVT's keys and values come from one matrix, and are judged apart."""
    if ".attn.kv." not in name:
        return {name: gradient}
    return dict(zip((f"{name}:k", f"{name}:v"), gradient.chunk(2), strict=True))


def gradients(family: str, module: Network, batches: Iterable[Mapping[str, Tensor]]) -> dict[str, float]:
    """The largest |gradient| of every tensor over several batches, in float64."""
    module = module.double().train()
    largest: dict[str, float] = {}
    for batch in batches:
        module.zero_grad()
        loss_of(family, module, batch).whole.backward()
        for name, p in module.named_parameters():
            for part, found in halves(name, torch.zeros_like(p) if p.grad is None else p.grad).items():
                assert found.isfinite().all(), part
                largest[part] = max(largest.get(part, 0.0), float(found.abs().max()))
    return largest


def learning(family: str, dialect: str, *, lr: float, steps: int = 20) -> float:
    """The mask's loss on one clip, mean of the last three steps over mean of the first three."""
    module, batch = made(family, dialect), whole(0)
    optimizer = torch.optim.AdamW(module.parameters(), lr=lr)
    losses = []
    for _ in range(steps):
        optimizer.zero_grad()
        found = loss_of(family, module, batch)
        found.whole.backward()
        torch.nn.utils.clip_grad_norm_(module.parameters(), 1.0)
        optimizer.step()
        losses.append(float(found.mask))
    return sum(losses[-3:]) / sum(losses[:3])
