"""A training step of the tiny MI-AVS, 16 frames, with the kernels and without: one network, lowered twice.

A step is forward and backward of a sum over the mask. The two must give the same mask and the same gradients of the
parameters before they are timed. Beside it: accounting a frame, which has no peer.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial

import torch
from torch import Tensor, nn

from ann import ANN, QANN
from convert.fold import fold_network
from energy.account import account
from graph.dialect import Dialect
from graph.graph import Graph
from graph.lower import Network, lower
from graph.models import build
from graph.neuron import Dynamics, Neuron
from graph.passes import SpikeSpec, spikify
from kernels.selection import BACKEND_OF, VARIABLE
from layers.site import SpikeSite
from snn import SNN
from tools.bench.contest import Options, with_times
from tools.bench.parity import Outcome, Tolerance, disagreement
from tools.bench.rows import FAILED, Row
from tools.bench.timing import interleaved

FRAMES = 16
WITHOUT = "torch"
Batch = dict[str, Tensor]
# Sampling rounds in another order, and behind it a ReLU at zero may open or close.
TOLERANCE = Tolerance(output=1e-4, gradient=3e-3)


def _binary(neuron: Dynamics) -> SpikeSpec:
    return SpikeSpec(neuron=Neuron(kind=neuron, levels=1), steps=4, signed=False)


@dataclass(frozen=True, kw_only=True)
class Form:
    """The network in one dialect. ``spikes``: where its sites stand, None: it has none; ``accounted``: whether the
    accountant is timed on it too."""

    dialect: Dialect
    spikes: SpikeSpec | None = None
    accounted: bool = False

    def graph(self) -> Graph:
        plain = build("miavs", "tiny").pruned(["mask"])
        return plain if self.spikes is None else spikify(plain, self.spikes)


FORMS = {
    "ANN": Form(dialect=ANN, accounted=True),
    "QANN, D=4": Form(dialect=QANN, spikes=SpikeSpec(), accounted=True),
    "SNN, I-LIF D=4 T=1": Form(dialect=SNN, spikes=SpikeSpec()),
    "SNN, LIF T=4": Form(dialect=SNN, spikes=_binary("lif")),
    "SNN, PLIF T=4": Form(dialect=SNN, spikes=_binary("plif")),
}


@contextmanager
def kernels(choice: str) -> Iterator[None]:
    """What ``SPIKEAVS_KERNELS`` says while a graph is lowered."""
    before = os.environ.get(VARIABLE)
    os.environ[VARIABLE] = choice
    try:
        yield
    finally:
        os.environ.pop(VARIABLE)
        if before is not None:
            os.environ[VARIABLE] = before


def lowered(form: Form, choice: str, device: str) -> Network:
    torch.manual_seed(0)
    with kernels(choice):
        module = lower(form.graph(), form.dialect)
    nn.Module.to(module, device=device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    return module.train()


def batch_of(frames: int, device: str) -> Batch:
    random = torch.Generator().manual_seed(0)
    shapes = {"image": (frames, 3, 64, 64), "logmel": (frames, 1, 96, 64)}
    return {name: torch.randn(shape, generator=random).to(device) for name, shape in shapes.items()}


def wake(module: Network, batch: Batch) -> None:
    """Steps of half a standard deviation, a power of two, site after site: as it is initialised, no spike of a binary
    network reaches its mask, and nothing would be compared."""

    def set_step(site: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        assert isinstance(site, SpikeSite)
        site.step.data.copy_(torch.exp2((inputs[0].std() / 2).clamp(min=2.0**-20).log2().round()))

    handles = [m.register_forward_pre_hook(set_step) for m in module.modules() if isinstance(m, SpikeSite)]
    with torch.no_grad():
        module(**batch)
    for handle in handles:
        handle.remove()


def leave_borders(module: Network) -> None:
    """A fresh deformable layer samples exactly on the borders of cells, where the gradient of a location jumps and
    rounding would decide which side is taken. Three tenths of a pixel further it is one number."""
    for name, parameter in module.named_parameters():
        if name.endswith("sampling_offsets.bias"):
            parameter.data.add_(0.3)


def probe_like(mask: Tensor) -> Tensor:
    random = torch.Generator().manual_seed(1)
    return torch.randn(mask.shape, generator=random).to(mask.device)


def step(module: Network, batch: Batch, probe: Tensor | None = None) -> Outcome:
    """The mask, and every parameter's gradient, new in every step. Biases are left out of what is compared: in front of
    a norm their gradient is zero, and what is computed is rounding."""
    mask = module(**batch)["mask"]
    names, parameters = zip(*module.named_parameters(), strict=True)
    probe = probe_like(mask) if probe is None else probe
    gradients = zip(names, torch.autograd.grad(mask, parameters, probe, allow_unused=True), strict=True)
    compared = {f"the gradient of {n}": g for n, g in gradients if g is not None and not n.endswith(".bias")}
    return {"the output": mask.detach(), **compared}


def _training(name: str, form: Form, options: Options) -> list[Row]:
    word = f"{name}, training step of {FRAMES} frames"
    drafts = [
        (n, Row(op="model", case=f"{word}, {n} threads", device=options.device, dtype="float32", peer=WITHOUT))
        for n in options.threads
    ]
    wanted = [(n, row) for n, row in drafts if options.want(f"{row.case}, {row.peer}")]
    if not wanted:
        return []
    batch = batch_of(FRAMES, options.device)
    ours = lowered(form, BACKEND_OF[options.device], options.device)
    theirs = lowered(form, WITHOUT, options.device)
    leave_borders(ours)
    wake(ours, batch)
    theirs.load_state_dict(ours.state_dict())
    first = step(ours, batch)
    off = disagreement(first, step(theirs, batch), TOLERANCE)
    probe = probe_like(first["the output"])
    timed = []
    for threads, row in wanted:
        if off:
            timed.append(replace(row, status=FAILED, note=off))
            continue
        torch.set_num_threads(threads)
        actions = [partial(step, module, batch, probe) for module in (ours, theirs)]
        timed.append(with_times(row, *interleaved(options.device, actions, options.repeats)))
    return timed


def _accounting(name: str, form: Form, options: Options) -> list[Row]:
    row = Row(op="model", case=f"{name}, accounting a frame, 1 threads", device="cpu", dtype="float32", peer="")
    if not form.accounted or options.device != "cpu" or not options.want(row.case):
        return []
    torch.set_num_threads(1)
    folded = fold_network(lowered(form, BACKEND_OF["cpu"], "cpu").eval())
    (times,) = interleaved("cpu", [partial(account, folded, [batch_of(1, "cpu")])], options.repeats)
    return [with_times(row, times)]


def rows(options: Options, say: Callable[[str], object]) -> Iterator[Row]:
    for name, form in FORMS.items():
        say(name)
        yield from _training(name, form, options)
        yield from _accounting(name, form, options)
