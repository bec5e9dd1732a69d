"""Conversion by us: integer counts up to D, or IF neurons over T steps."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from ann import ANN, QANN
from convert.calibrate import How
from experiments.calibration import set_steps
from experiments.evaluate import predict
from graph.graph import Graph
from graph.lower import Network, lower
from graph.neuron import Neuron
from graph.passes import SpikeSpec, spikify
from snn import SNN

Frames = dict[str, Tensor]
Whole = Callable[[nn.Module], nn.Module]  # what is scored, of what is converted


def real(graph: Graph, weights: Network) -> Network:
    """A part of the ANN."""
    network: Network = lower(graph, ANN)
    network.load_state_dict({name: weights.state_dict()[name] for name in network.state_dict()})
    return network.eval()


def counting(ann: Network, levels: int) -> Network:
    """Counts up to D in one step."""
    return _with_weights(lower(spikify(ann.graph, SpikeSpec(neuron=Neuron(levels=levels))), QANN), ann)


def stepping(ann: Network, steps: int, *, residual: str = "real") -> Network:
    """IF neurons, soft reset, from half a threshold, over T steps."""
    neuron = Neuron(kind="if", levels=1, v_init=0.5)
    return _with_weights(lower(spikify(ann.graph, SpikeSpec(neuron=neuron, steps=steps, residual=residual)), SNN), ann)  # type: ignore[arg-type]


def _with_weights(network: Network, ann: Network) -> Network:
    network.load_state_dict(ann.state_dict(), strict=False)
    return network.eval()


@torch.no_grad()
def calibrated(
    ann: Network, network: Network, frames: Frames, whole: Whole, percentile: float, *, channels: bool
) -> nn.Module:
    """``percentile`` 0: the one that brings the masks nearest to the ANN's."""
    set_steps(ann, network, frames, percentile, How(channels=channels), lambda of: predict(whole(of), frames))
    return whole(network)
