"""What is said of AVSBench alone."""

from __future__ import annotations

from dataclasses import dataclass

from experiments.datasets.dataset import DataSettings


@dataclass(frozen=True, kw_only=True)
class AvsbenchSettings(DataSettings):
    """``root``: the folder with Single-source, Multi-sources and AVSS in it. ``cache``: the folder that keeps which
    splits are whole, or none: checked every time."""

    dataset: str = "avsbench"
    root: str = ""
    cache: str = ".cache/avsbench"
