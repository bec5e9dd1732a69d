"""A field that is a ``Literal`` holds one of its words, and a wrong one is a sentence."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

import pytest

from common.choices import check_choices, choices

Kind = Literal["max", "avg"]


@dataclass(frozen=True, kw_only=True)
class Pool:
    fn: Kind = "max"
    stride: Literal[1, 2] = 1
    name: str = "anything"

    def __post_init__(self) -> None:
        check_choices(self)


@dataclass(frozen=True, kw_only=True)
class Keyed(Pool):
    """Inherits the choices, and calls itself by another name."""

    edge: Literal["zeros", "border"] = "zeros"

    def __post_init__(self) -> None:
        check_choices(self, "pool")


def test_only_literals_are_choices():
    assert choices(Pool) == {"fn": ("max", "avg"), "stride": (1, 2)}
    assert choices(Keyed) == {"fn": ("max", "avg"), "stride": (1, 2), "edge": ("zeros", "border")}


def test_every_word_is_taken():
    for fn in ("max", "avg"):
        for stride in (1, 2):
            assert Pool(fn=fn, stride=stride, name="whatever").fn == fn


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: Pool(fn="agv"), "Pool.fn is 'agv', expected one of max, avg; nearest: 'avg'"),
        (lambda: Pool(stride=3), "Pool.stride is '3', expected one of 1, 2"),
        (lambda: Keyed(edge="bordr"), "pool.edge is 'bordr', expected one of zeros, border; nearest: 'border'"),
        (lambda: Keyed(fn="mx"), "pool.fn is 'mx', expected one of max, avg; nearest: 'max'"),
    ],
)
def test_a_wrong_word_is_a_sentence(make, sentence):
    with pytest.raises(ValueError, match=re.escape(sentence)):
        make()
