"""``--mode doctor``: what is installed and what the toolkit will use. Changes nothing."""

from __future__ import annotations

import os
import platform
from importlib.metadata import PackageNotFoundError, version

import torch
from rich.console import Console
from rich.table import Table

from experiments.settings import DoctorSettings
from graph.models import FAMILIES
from snn.spec import CHOICES

PACKAGES = (
    "torch",
    "torchaudio",
    "lightning-fabric",
    "torchmetrics",
    "jsonargparse",
    "safetensors",
    "matplotlib",
    "spikingjelly",
)


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"


def findings() -> list[tuple[str, str]]:
    devices = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
    return [
        ("python", platform.python_version()),
        *((name, _version(name)) for name in PACKAGES),
        ("cpu", f"{os.cpu_count()} cores, torch uses {torch.get_num_threads()} threads"),
        ("cuda", ", ".join(devices) or "no device; everything runs on the CPU"),
        ("neuron backend", f"{', '.join(CHOICES['backend'])} (the reference; no compiled kernels in this version)"),
        *((f"model {name}", f"specs {', '.join(family.specs)}") for name, family in FAMILIES.items()),
    ]


def doctor(settings: DoctorSettings) -> None:
    table = Table(title="SpikeAVS doctor", show_header=False)
    for row in findings():
        table.add_row(*row)
    Console().print(table)
