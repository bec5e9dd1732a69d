"""What is installed and what the toolkit will use, as a table."""

from __future__ import annotations

import os
import platform
from collections import Counter
from importlib.metadata import PackageNotFoundError, version

import torch
from rich.console import Console
from rich.table import Table

from graph.lower import Network, lower
from graph.models import FAMILIES, build
from graph.neuron import Neuron
from graph.passes import SpikeSpec, spikify
from kernels import cpu_backend
from kernels.kept import cache_folder
from kernels.selection import BACKEND_OF, selection
from snn import SNN

PACKAGES = (
    "torch",
    "torchaudio",
    "lightning-fabric",
    "torchmetrics",
    "jsonargparse",
    "safetensors",
    "matplotlib",
    "cupy-cuda13x",
    "spikingjelly",
    "snntorch",
    "norse",
)


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"


def _kernels(device: str) -> str:
    active = selection(device)
    return f"{active.backend}: {active.why}" + ("" if active.compiled else "; neurons run as plain torch")


def _compiler() -> str:
    path = cpu_backend.compiler()
    if path is None:
        return "none"
    if lacking := cpu_backend.missing():
        return lacking
    machine = [flag for flag in cpu_backend.flags() if flag.startswith("-m")]
    return f"{cpu_backend.compiler_version(path)}; {' '.join(machine)}; builds are kept in {cache_folder()}"


def findings() -> list[tuple[str, str]]:
    devices = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
    return [
        ("python", platform.python_version()),
        *((name, _version(name)) for name in PACKAGES),
        ("cpu", f"{os.cpu_count()} cores, torch uses {torch.get_num_threads()} threads"),
        ("cuda", ", ".join(devices) or "no device; everything runs on the CPU"),
        *((f"kernels on {device}", _kernels(device)) for device in BACKEND_OF),
        ("compiler", _compiler()),
        *((f"model {name}", f"specs {', '.join(family.specs)}") for name, family in FAMILIES.items()),
    ]


def coverage(form: str, network: Network) -> tuple[str, str]:
    """How many nodes of a network run on compiled kernels, and why the others do not."""
    kernels = network.kernels()
    without = Counter(reason for reason in kernels.values() if reason.startswith("none"))
    reasons = "".join(f"; {count} {reason}" for reason, count in without.items())
    return f"nodes on kernels, {form}", f"{len(kernels) - sum(without.values())} of {len(kernels)}{reasons}"


def networks() -> list[tuple[str, str]]:
    """The tiny MI-AVS as it is trained; ``python -m graph miavs --levels 4 --training --lowered`` names every node."""
    graph = build("miavs", "tiny").pruned(["mask"])
    binary = SpikeSpec(neuron=Neuron(kind="lif", levels=1), steps=4, norm="batch", signed=False)
    return [
        coverage("I-LIF, T = 1", lower(spikify(graph), SNN)),
        coverage("LIF, T = 4", lower(spikify(graph, binary), SNN)),
    ]


def show() -> None:
    table = Table(title="SpikeAVS doctor", show_header=False)
    for row in (*findings(), *networks()):
        table.add_row(*row)
    Console().print(table)
