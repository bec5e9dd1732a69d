"""The classes of chimes: each is one shape, one texture and one timbre, so either sense can name it."""

from collections.abc import Callable
from dataclasses import dataclass

from numpy.random import Generator

from avs.chimes import shapes, timbres
from avs.chimes.shapes import Array, Bools


@dataclass(frozen=True, kw_only=True)
class Kind:
    name: str
    shape: Callable[[Array, Array], Bools]  # (u, v) -> bool, the object fills about |u|, |v| <= 1
    texture: Callable[[Array, Array, float], Array]  # (u, v, pitch) -> 0..1 between two free colours
    timbre: Callable[[Generator, int], Array]  # (random, samples) -> wave of rms 1


KINDS = (
    Kind(name="disc", shape=shapes.disc, texture=shapes.rings, timbre=timbres.organ),
    Kind(name="square", shape=shapes.square, texture=shapes.stripes, timbre=timbres.hiss),
    Kind(name="triangle", shape=shapes.triangle, texture=shapes.dots, timbre=timbres.bell),
    Kind(name="cross", shape=shapes.cross, texture=shapes.checks, timbre=timbres.siren),
    Kind(name="star", shape=shapes.star, texture=shapes.spokes, timbre=timbres.rattle),
    Kind(name="moon", shape=shapes.moon, texture=shapes.halves, timbre=timbres.tremolo),
)
