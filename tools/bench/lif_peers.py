"""Others' multi-step LIF, each in the configuration in which it is the function of ``snn.neurons``.

Where a library has no such switch, ours is run as the library's neuron is: ``spec`` says how. The parity check of the
row decides whether that worked out.

| peer              | its own instead of: decayed input, detached reset, atan, fires at the threshold         |
|-------------------|-----------------------------------------------------------------------------------------|
| spikingjelly      | nothing                                                                                 |
| spikingjelly 0.14 | nothing; no bfloat16                                                                    |
| snntorch          | input not decayed; soft reset not detached; fires above the threshold                   |
| norse             | reset not detached; triangle of width 1; fires above the threshold                      |
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from types import ModuleType

import torch
from torch import Tensor

from graph.neuron import Neuron
from kernels.io_types import IO
from snn.neurons import integrate_and_fire
from tools.bench.parity import Function

OLD_JELLY = "SPIKEAVS_PEER_SJ14"


def imported(name: str) -> ModuleType:
    """A peer, without the warnings of its import."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return importlib.import_module(name)


def imported_from(folder: str, name: str) -> ModuleType:
    """``name`` as it is in ``folder``, beside an installed package of the same name: that one keeps its modules."""
    top = name.split(".")[0]

    def taken() -> dict[str, ModuleType]:
        mine = [n for n in sys.modules if n == top or n.startswith(f"{top}.")]
        return {n: sys.modules.pop(n) for n in mine}

    kept = taken()
    sys.path.insert(0, folder)
    try:
        return imported(name)
    finally:
        sys.path.remove(folder)
        taken()
        sys.modules.update(kept)


def not_installed(package: str) -> Callable[[str], str | None]:
    return lambda device: None if importlib.util.find_spec(package) else f"pip install -e '.[bench]' brings {package}"


def old_jelly_missing(device: str) -> str | None:
    folder = os.environ.get(OLD_JELLY)
    if device != "cuda":
        return "its kernels need a CUDA device"
    if not folder or not os.path.isdir(os.path.join(folder, "spikingjelly")):
        return f"{OLD_JELLY} is '{folder or ''}', expected a folder that holds spikingjelly 0.0.0.0.14"
    return None if importlib.util.find_spec("cupy") else "CuPy (the extra 'cuda')"


def _jelly_node(package: ModuleType, spec: Neuron, **more: str) -> Function:
    neuron, surrogate = (importlib.import_module(f"{package.__name__}.{part}") for part in ("neuron", "surrogate"))
    return _jelly_function(neuron, surrogate, spec, **more)


def _jelly_function(neuron: ModuleType, surrogate: ModuleType, spec: Neuron, **more: str) -> Function:
    node = neuron.LIFNode(
        tau=spec.tau,
        decay_input=spec.decay_input,
        v_threshold=spec.threshold,
        v_reset=spec.v_reset if spec.reset == "hard" else None,
        surrogate_function=surrogate.ATan(spec.alpha),
        detach_reset=spec.detach_reset,
        step_mode="m",
        **more,
    )

    def run(x: Tensor) -> Tensor:
        node.reset()
        return node(x)  # type: ignore[no-any-return]

    return run


def spikingjelly(spec: Neuron) -> Function:
    """Which implementation a CUDA device gets is its own choice: Triton, unless it was built with native kernels."""
    return _jelly_node(imported("spikingjelly.activation_based"), spec)


def old_spikingjelly(spec: Neuron) -> Function:
    base = "spikingjelly.activation_based"
    neuron = imported_from(os.environ[OLD_JELLY], f"{base}.neuron")
    return _jelly_function(neuron, neuron.surrogate, spec, backend="cupy")


def snntorch(spec: Neuron) -> Function:
    """A module for one step, and a loop of our own: it has no other. A hard reset may come a step late: the membrane is
    set back before it is used. A soft one may not, or the threshold would not decay with the membrane."""
    hard = spec.reset == "hard"
    neuron = imported("snntorch").Leaky(
        beta=1 - 1 / spec.tau,
        threshold=spec.threshold,
        spike_grad=imported("snntorch.surrogate").atan(spec.alpha),
        reset_mechanism="zero" if hard else "subtract",
        reset_delay=hard,
    )

    def run(x: Tensor) -> Tensor:
        neuron.to(x.device)
        membrane, spikes = torch.zeros_like(x[0]), []
        for current in x.unbind(0):
            spike, membrane = neuron(current, membrane)
            spikes.append(spike)
        return torch.stack(spikes).to(x.dtype)

    return run


def norse(spec: Neuron) -> Function:
    """``lif_box``: its neuron without a synaptic current, one step a call, and a loop of our own."""
    box, reset = (imported(f"norse.torch.functional.{part}") for part in ("lif_box", "reset"))

    def run(x: Tensor) -> Tensor:
        numbers = (torch.tensor(n, device=x.device) for n in (1 / spec.tau, 0.0, spec.threshold, spec.v_reset))
        p = box.LIFBoxParameters(
            *numbers, "triangle", spec.alpha, reset.reset_value if spec.reset == "hard" else reset.reset_subtract
        )
        state, spikes = box.LIFBoxFeedForwardState(torch.zeros_like(x[0])), []
        for current in x.unbind(0):
            spike, state = box.lif_box_feed_forward_step(current, state, p, 1.0)
            spikes.append(spike)
        return torch.stack(spikes)

    return run


def eager(spec: Neuron) -> Function:
    return partial(integrate_and_fire, spec=spec)


def compiled(function: Function) -> Function:
    """By inductor, whole and for these shapes. Forgotten what it compiled before: it gives up after some variants."""
    torch._dynamo.reset()
    return torch.compile(function, fullgraph=True, dynamic=False)


def inductor(spec: Neuron) -> Function:
    return compiled(lambda x: integrate_and_fire(x, spec))


def _as_it_is(spec: Neuron) -> Neuron:
    return spec


@dataclass(frozen=True, kw_only=True)
class Peer:
    """``missing``: why it cannot run on a device; ``spec``: the neuron that both run; ``dtypes``: those it has."""

    make: Callable[[Neuron], Function]
    missing: Callable[[str], str | None] = lambda device: None
    spec: Callable[[Neuron], Neuron] = _as_it_is
    note: str = ""
    dtypes: tuple[torch.dtype, ...] = tuple(IO)


def _like_snntorch(spec: Neuron) -> Neuron:
    return replace(spec, decay_input=False, detach_reset=spec.reset == "hard")


def _like_norse(spec: Neuron) -> Neuron:
    return replace(spec, detach_reset=False, surrogate="triangle", alpha=1.0)


PEERS = {
    "spikingjelly 2.0": Peer(make=spikingjelly, missing=not_installed("spikingjelly")),
    "spikingjelly 0.0.0.0.14": Peer(
        make=old_spikingjelly, missing=old_jelly_missing, note="CuPy kernels", dtypes=(torch.float32, torch.float16)
    ),
    "snntorch": Peer(
        make=snntorch,
        missing=not_installed("snntorch"),
        spec=_like_snntorch,
        note="both: input not decayed, soft reset not detached; snntorch fires above the threshold, not at it",
    ),
    "norse": Peer(
        make=norse,
        missing=not_installed("norse"),
        spec=_like_norse,
        note="both: reset not detached, triangle of width 1; norse fires above the threshold, not at it",
    ),
    "eager": Peer(make=eager, note="snn/neurons.py"),
    "inductor": Peer(make=inductor, note="torch.compile of snn/neurons.py"),
}
