"""All five families, small, with norms' statistics of their own, folded and snapped: for whoever executes them."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from ann import ANN, QANN
from convert.calibrate import calibrate
from convert.fold import fold_network
from convert.snap import snap
from graph.lower import Network, lower
from graph.models import build
from graph.neuron import Neuron
from graph.passes import SpikeSpec, spikify
from tests.events.test_stream import films

FAMILIES = ("miavs", "avsegformer", "etavs", "av2ts", "qsd")


def inputs(network: Network, kinds: list[str]) -> Iterator[dict[str, Tensor]]:
    for frame in films(network.graph, kinds, 2):
        yield {name: torch.from_numpy(x) for name, x in frame.items()}


def real(family: str, seed: int) -> Network:
    """What stays of its norms is not the identity."""
    torch.manual_seed(seed)
    ann: Network = lower(build(family, "micro").pruned(["mask"]), ANN).eval()
    for name, x in ann.state_dict().items():
        if name.endswith("running_var"):
            x.uniform_(0.5, 2)
        elif name.endswith("running_mean"):
            x.normal_(0, 0.3)
    return ann


def deployed(family: str, levels: int) -> Network:
    ann = real(family, levels)
    spec = SpikeSpec(neuron=Neuron(levels=levels), score="linear")
    network: Network = lower(spikify(ann.graph, spec), QANN).eval()
    network.load_state_dict(ann.state_dict(), strict=False)
    calibrate(ann, network, next(inputs(network, [])), 0.99)
    return snap(fold_network(network), 8)
