"""The estimators of the information term by name, and whether a network's outputs are what they read."""

import math
from collections.abc import Mapping

from common.words import not_among

BOUNDS = ("infonce", "dv", "smile", "jsd")
RELEASED = "released"
NAMES = (*BOUNDS, RELEASED)
AUDIO = "audio_token"
MAP = "mi_map"
Shapes = Mapping[str, tuple[int, ...]]


def map_shape(shape: tuple[int, ...]) -> tuple[int, ...] | None:
    """(C, h, w) of a map or of a square map's tokens, without the batch; None for what is neither."""
    if len(shape) == 3:
        return shape
    side = math.isqrt(shape[0]) if len(shape) == 2 else 0
    return (shape[1], side, side) if side > 1 and side * side == shape[0] else None


def reads(estimator: str, level: str) -> set[str]:
    """Which outputs of a network the term is a function of; the sound it takes as given."""
    return {MAP} if estimator == RELEASED else {level}


def check(estimator: str, level: str, shapes: Shapes, permuted: bool = False) -> None:
    """Whether a network with these outputs (shapes without the batch) can be asked, ``permuted``: by other sounds."""
    if estimator not in NAMES:
        raise ValueError(not_among("information.estimator", estimator, NAMES))
    if estimator == RELEASED:
        if MAP not in shapes:
            raise ValueError(
                f"information.estimator: found '{RELEASED}' with a network that has no output '{MAP}', expected the "
                f"model miavs, or one of {', '.join(BOUNDS)}"
            )
        if permuted:
            raise ValueError(
                f"information.permuted: found true with the estimator '{RELEASED}', which reads no sound, expected one "
                f"of {', '.join(BOUNDS)}"
            )
        return
    if AUDIO not in shapes:
        raise ValueError(f"information.weight: found a network without the output '{AUDIO}', expected 0")
    levels = [name for name, shape in shapes.items() if name not in ("mask", AUDIO) and map_shape(shape)]
    if level not in levels:
        raise ValueError(not_among("information.level", level, levels))
