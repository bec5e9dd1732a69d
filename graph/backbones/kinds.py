"""What a backbone and an audio network are, as types."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from graph.graph import Graph
from graph.spec import BaseSpec

After = Callable[[int, str], str]
AudioNet = Callable[[Graph, str, BaseSpec], str]


def unchanged(stage: int, feature: str) -> str:
    return feature


class Backbone(Protocol):
    """(graph, image [3, H, W], spec, after) -> the names of four features [C_i, H / s_i, W / s_i], finest first."""

    def __call__(self, g: Graph, image: str, spec: BaseSpec, after: After = unchanged) -> list[str]: ...
