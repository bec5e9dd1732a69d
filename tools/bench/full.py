"""A training step of full-size networks: real-valued, integer and binary, each against the real-valued one.

A step is forward, a binary cross-entropy with a drawn mask, backward, and fused AdamW, on frames that lie on the device
already. ``ours``: this form, ``peer``: the ANN of the same family; ``note``: frames a second and the peak of memory.
"""

from __future__ import annotations

import resource
from collections.abc import Callable, Iterator
from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ann import ANN
from graph.dialect import Dialect
from graph.graph import Graph
from graph.infer import window
from graph.lower import lower
from graph.models import build
from graph.neuron import Neuron
from graph.passes import SpikeSpec, spikify
from snn import SNN
from tools.bench.contest import Options, with_times
from tools.bench.rows import Row
from tools.bench.timing import Times, interleaved

NETWORKS = (("miavs", "full"), ("etavs", "full"))
BINARY = SpikeSpec(neuron=Neuron(kind="lif", levels=1), steps=4, norm="batch", signed=False)
FORMS: dict[str, tuple[SpikeSpec | None, Dialect]] = {
    "ANN": (None, ANN),
    "SNN, I-LIF D=4 T=1": (SpikeSpec(), SNN),
    "SNN, LIF T=4": (BINARY, SNN),
}
FRAMES = {"cpu": 1, "cuda": 8}
Action = Callable[[], None]


def frames_of(graph: Graph, device: str) -> int:
    """A few frames, in whole windows where a network looks at its neighbours."""
    clip = window(graph)
    return max(clip, FRAMES[device] // clip * clip)


def batch_of(graph: Graph, frames: int, device: str) -> tuple[dict[str, Tensor], Tensor]:
    random = torch.Generator().manual_seed(0)
    inputs = {
        name: torch.randn(frames, *graph[name].shape, generator=random).to(device) for name in ("image", "logmel")
    }
    target = torch.rand(frames, *inputs["image"].shape[-2:], generator=random).round().to(device)
    return {n: x.contiguous(memory_format=torch.channels_last) for n, x in inputs.items()}, target


def stepper(graph: Graph, dialect: Dialect, frames: int, device: str, dtype: torch.dtype) -> Action:
    torch.manual_seed(0)
    network = lower(graph, dialect, outputs=["mask"])
    nn.Module.to(network, device=device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    network.train()
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-4, fused=True)
    batch, target = batch_of(graph, frames, device)

    def step() -> None:
        optimizer.zero_grad(set_to_none=True)
        with torch.autocast(device, dtype=dtype, enabled=dtype != torch.float32):
            mask = network(**batch)["mask"]
        F.binary_cross_entropy_with_logits(mask.float()[:, 0], target).backward()
        optimizer.step()

    return step


def _peak(device: str) -> float:
    """GiB: of the device's memory since the last reset; of a CPU process in all."""
    if device == "cuda":
        return torch.cuda.max_memory_allocated() / 2**30
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def _timed(step: Action, options: Options) -> tuple[Times, float]:
    if options.device == "cuda":
        torch.cuda.reset_peak_memory_stats()
    (times,) = interleaved(options.device, [step], options.repeats)
    return times, _peak(options.device)


def rows(options: Options, say: Callable[[str], object]) -> Iterator[Row]:
    for family, spec in NETWORKS:
        plain = build(family, spec).pruned(["mask"])
        frames = frames_of(plain, options.device)
        for dtype in options.dtypes:
            word, real = str(dtype).removeprefix("torch."), None
            for form, (spikes, dialect) in FORMS.items():
                case = f"{family} {spec}, {form}, training step of {frames} frames"
                row = Row(op="full", case=case, device=options.device, dtype=word, peer="ANN")
                if not options.want(f"{case}, {word}"):
                    continue
                say(f"{case}, {word}")
                graph = plain if spikes is None else spikify(plain, spikes)
                times, peak = _timed(stepper(graph, dialect, frames, options.device, dtype), options)
                real = times if spikes is None else real
                note = f"{1e3 * frames / times.median:.3g} frames/s, peak {peak:.3g} GiB"
                yield replace(with_times(row, times, real), note=note)
