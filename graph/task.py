"""``Task``: what a network is for, kept beside it, so that a folder alone is enough to use it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from common.words import not_among

Preparation = Callable[[Any, Any, int], dict[str, Any]]
PREPARATIONS: dict[str, Preparation] = {}
Streamed = Callable[..., Iterator[Any]]
STREAMS: dict[str, Streamed] = {}  # how a network is run over a film, once a room above has said so


@dataclass(frozen=True, kw_only=True)
class Task:
    """``preparation``: a key of ``PREPARATIONS``, how pictures [F, 3, H, W] (bytes) and a sound (samples at 16 kHz, or
    log-mels [F, 1, 96, 64]) become the network's inputs; ``classes``: the names of the mask's channels."""

    preparation: str = ""
    classes: tuple[str, ...] = ()

    def prepared(self, image: Any, sound: Any, side: int) -> dict[str, Any]:
        """``side``: pixels that the network sees."""
        if self.preparation not in PREPARATIONS:
            raise ValueError(not_among("task.preparation", self.preparation, PREPARATIONS))
        return PREPARATIONS[self.preparation](image, sound, side)
