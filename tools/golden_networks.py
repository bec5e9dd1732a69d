"""The golden file's networks: fixed weights, two frames (or a clip), the mask, and what the accountant counts.

Sites are calibrated from the real-valued network, so that all of them fire.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from zlib import crc32

import torch
from torch import Tensor

from ann import ANN, QANN
from convert.calibrate import calibrate
from convert.exactness import check
from convert.export import deployed_files
from convert.fold import fold_network
from convert.snap import snap
from energy.account import Account, account
from energy.columns import NAMES
from energy.savings import savings
from graph.dialect import Dialect
from graph.graph import Graph
from graph.infer import window
from graph.lower import Network, lower
from graph.models import FAMILIES, build
from graph.neuron import Neuron
from graph.passes import SpikeSpec, spikify
from snn import SNN

SAMPLE, FRAMES, BITS = 64, 2, 8
WHOLE = "miavs"  # the family whose accounts are kept node by node, with savings and exactness


@dataclass(frozen=True)
class Form:
    dialect: Dialect
    spikes: SpikeSpec | None = None
    percentile: float = 0.99


LIF = Neuron(kind="lif", levels=1, decay_input=False)
FORMS = {
    "ann": Form(ANN),
    "qann": Form(QANN, SpikeSpec()),
    "ilif": Form(SNN, SpikeSpec()),
    "lif": Form(SNN, SpikeSpec(neuron=LIF, steps=4, norm="batch", signed=False), percentile=0.3),
}


def filled(name: str, like: Tensor) -> Tensor:
    """A tensor's values from its name: kernels with the variance that keeps activity alive, statistics and gammas
    around one, shifts small. Steps of sites are left to the calibration."""
    random = torch.Generator().manual_seed(crc32(name.encode()))
    draw = torch.randn(like.shape, generator=random)
    leaf = name.rpartition(".")[2]
    if leaf == "num_batches_tracked":
        return like
    if leaf == "running_var":
        return 1.0 + 0.5 * torch.tanh(draw)
    if leaf in ("running_mean", "bias"):
        return 0.2 * draw
    if leaf == "weight" and like.ndim == 1:
        return 1.0 + 0.2 * draw
    if like.ndim > 1:
        return draw * (2.0 / like[0].numel()) ** 0.5
    return draw


def fixed(module: Network) -> Network:
    state = module.state_dict()
    steps = {k: v for k, v in state.items() if k.startswith("sites.") and k.split(".")[-2:-1] != ["norm"]}
    module.load_state_dict({k: steps.get(k, filled(k, v)) for k, v in state.items()})
    return module.eval()


def frames(graph: Graph) -> dict[str, Tensor]:
    """On the grids of images and log-mels; as many as the network looks at in a row."""
    count = max(FRAMES, window(graph))
    random = torch.Generator().manual_seed(0)
    image = graph["image"].shape
    return {
        "image": (torch.rand(count, *image, generator=random) * 64).round() / 64,
        "logmel": (torch.randn(count, 1, 96, 64, generator=random) * 32).round() / 32,
    }


def mask_of(value: Tensor) -> dict[str, Any]:
    flat = value.flatten()
    rows = torch.linspace(0, flat.numel() - 1, SAMPLE).long()
    return {
        "digest": hashlib.sha256((flat + 0.0).numpy().tobytes()).hexdigest()[:16],
        "sample": [float(v) for v in flat[rows]],
    }


def _columns(counts: Any) -> dict[str, float]:
    totals = {name: float(counts.sum(name)) for name in NAMES}
    return {name: total for name, total in totals.items() if total}


def counted(result: Account, whole: bool) -> dict[str, Any]:
    rows = {row.name: _columns(row.counts) for row in result.rows}
    if not whole:
        events = ("ac_w", "ac_int", "imac", "spike_msgs")
        rows = {name: {k: v for k, v in row.items() if k in events} for name, row in rows.items()}
    return {
        "totals": _columns(result.totals),
        "rows": {name: row for name, row in rows.items() if row},
        "spike_fed_share": result.spike_fed_share,
        "coverage": result.coverage,
    }


def _network(form: Form, graph: Graph, ann: Network, batch: dict[str, Tensor]) -> Network:
    if form.spikes is None:
        return ann
    module = fixed(lower(spikify(graph, form.spikes), form.dialect))
    calibrate(ann, module, batch, form.percentile)
    return module.eval()


def exactness(module: Network, batch: Mapping[str, Tensor]) -> dict[str, Any]:
    deployed = snap(fold_network(module), BITS)
    with tempfile.TemporaryDirectory() as name:
        for file, content in deployed_files(deployed).items():
            (Path(name) / file).write_bytes(content)
        report = asdict(check(deployed, Path(name), {k: v[:1] for k, v in batch.items()}))
    report.pop("seconds_per_frame")
    return report


@torch.no_grad()
def networks() -> dict[str, Any]:
    torch.set_num_threads(1)
    table: dict[str, Any] = {}
    for family in FAMILIES:
        graph = build(family, "tiny").pruned(["mask"])
        ann, batch = fixed(lower(graph, ANN)), frames(graph)
        accounts: dict[str, Account] = {}
        for name, form in FORMS.items():
            module = _network(form, graph, ann, batch)
            deployed = fold_network(module)
            accounts[name] = account(deployed, [batch])
            entry = table[f"{family} {name}"] = {
                "mask": mask_of(module(**batch)["mask"]),
                "parameters": module.graph.parameters(),
                "energy": counted(accounts[name], family == WHOLE),
            }
            if name == "qann" and family in (WHOLE, "avsegformer"):
                entry["exact"] = exactness(module, batch)
            if name not in ("ann", "qann"):
                entry["savings"] = savings(accounts["ann"], accounts[name])
    return table
