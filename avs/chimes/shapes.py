"""Shapes and textures: functions of an object's own coordinates (u, v), radius 1, that turn with it.

A shape is a predicate; a texture mixes two colours by 0..1. All work on any array shape, so a whole clip is
drawn at once.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating[Any]]
Bools = NDArray[np.bool_]
TAU = np.float32(2 * np.pi)


def disc(u: Array, v: Array) -> Bools:
    return u * u + v * v < 0.9


def square(u: Array, v: Array) -> Bools:
    return np.maximum(np.abs(u), np.abs(v)) < 0.84


def triangle(u: Array, v: Array) -> Bools:
    """Equilateral, one tip at v = -1.1."""
    return (v < 0.6) & (np.abs(u) * np.float32(1.732) < v + 1.1)


def cross(u: Array, v: Array) -> Bools:
    a, b = np.abs(u), np.abs(v)
    return (np.minimum(a, b) < 0.36) & (np.maximum(a, b) < 1.0)


def star(u: Array, v: Array) -> Bools:
    """Five rounded arms: r < 0.78 + 0.3 cos 5 angle."""
    return np.hypot(u, v) < 0.78 + 0.3 * np.cos(5 * np.arctan2(v, u))


def moon(u: Array, v: Array) -> Bools:
    """A disc less a smaller disc that lies to its right."""
    return (u * u + v * v < 1.0) & ((u - 0.62) ** 2 + v * v > 0.42)


def _edge(wave: Array) -> Array:
    """A sine turned into a stripe whose edge is about a pixel wide."""
    return np.clip(0.5 + 1.5 * wave, 0, 1)


def rings(u: Array, v: Array, pitch: float) -> Array:
    return _edge(np.cos(TAU * 1.5 * pitch * np.hypot(u, v)))


def stripes(u: Array, v: Array, pitch: float) -> Array:
    return _edge(np.sin(TAU * 1.4 * pitch * u))


def checks(u: Array, v: Array, pitch: float) -> Array:
    return _edge(2 * np.sin(TAU * 0.8 * pitch * u) * np.sin(TAU * 0.8 * pitch * v))


def dots(u: Array, v: Array, pitch: float) -> Array:
    wave = np.cos(TAU * 1.3 * pitch * u) + np.cos(TAU * 1.3 * pitch * v)
    return _edge(2 * (wave - 0.8))


def spokes(u: Array, v: Array, pitch: float) -> Array:
    """Five bright arms with a dark core."""
    return _edge(np.cos(5 * np.arctan2(v, u)) * 1.5) * _edge(6 * (np.hypot(u, v) - 0.3 * pitch))


def halves(u: Array, v: Array, pitch: float) -> Array:
    return _edge(4 * v * pitch)
