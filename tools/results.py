"""Keep what a run measured: ``python -m tools.results NAME FILE.json --command "..."``.

Writes ``experiments/results/NAME.json`` with device, versions, date and commit beside the figures. Per-clip lists are
left out: the command computes them again.
"""

from __future__ import annotations

import argparse
import platform
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import torch

from experiments.run_folder import read_json, write_json

FOLDER = Path(__file__).parents[1] / "experiments" / "results"
PACKAGES = ("torch", "torchaudio", "lightning-fabric")


def spread(values: Sequence[float], digits: int = 3) -> str:
    """mean ± standard deviation over seeds."""
    return f"{mean(values):.{digits}f} ± {stdev(values):.{digits}f}" if len(values) > 1 else f"{values[0]:.{digits}f}"


def commit() -> str:
    done = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
    return done.stdout.strip() or "unknown"


def provenance(command: str) -> dict[str, Any]:
    device = torch.cuda.get_device_name() if torch.cuda.is_available() else f"CPU, {platform.machine()}"
    return {
        "command": command,
        "date": datetime.now(UTC).date().isoformat(),
        "commit": commit(),
        "device": device,
        "versions": {"python": platform.python_version(), **{p: version(p) for p in PACKAGES}},
    }


def record(name: str, source: Path, command: str) -> Path:
    data = read_json(source)
    figures = {k: v for k, v in data.items() if k != "miou_per_clip"}
    path = FOLDER / f"{name}.json"
    write_json(path, {**provenance(command), "figures": figures})
    return path


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.results", allow_abbrev=False)
    parser.add_argument("name")
    parser.add_argument("source", type=Path)
    parser.add_argument("--command", required=True)
    options = parser.parse_args()
    print(record(options.name, options.source, options.command))
    return 0


if __name__ == "__main__":
    sys.exit(main())
