"""Every registered op is what it says it is, and an op that is not is caught, claim by claim."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

import numpy as np
import pytest

from graph import ops
from graph.ops import REGISTRY, Array, Op
from graph.values import Clock, Kind, Shape
from snn import snn
from tests.graph.conformance import CLAIMS, Trial
from tests.graph.conformance_cases import CASES, Case


def test_every_registered_op_has_cases():
    assert set(CASES) == set(REGISTRY)
    for name, cases in CASES.items():
        assert cases and all(type(case.op) is REGISTRY[name] for case in cases)


@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("name", sorted(CASES))
def test_an_op_is_what_it_says(name, batch):
    for case in CASES[name]:
        trial = Trial(case, snn("torch"), batch)
        for claim, holds in CLAIMS.items():
            try:
                holds(trial)
            except AssertionError as error:
                raise AssertionError(f"{claim} of {case.op}: {error}") from error


@pytest.mark.parametrize("name", ["Act", "Gate", "Score"])
def test_the_kernels_count_as_numpy_does(name):
    for case in CASES[name]:
        CLAIMS["agreement"](Trial(case, snn("native"), 3))


# --- ops that are not what they say


@pytest.fixture
def registry() -> Iterator[None]:
    before = dict(REGISTRY)
    yield
    REGISTRY.clear()
    REGISTRY.update(before)


class _Lies:
    """The classes are made in a test, since a class that is made is registered."""

    @staticmethod
    def agreement() -> Op:
        class Doubled(ops.Linear):
            def meaning(self, *inputs: Array, unit: float = 1.0, **tables: Array) -> Array:
                return super().meaning(*inputs, unit=2 * unit, **tables)

        return Doubled(cin=3, cout=4)

    @staticmethod
    def shape() -> Op:
        class Longer(ops.Slice):
            def shape(self, *inputs: Shape) -> Shape:
                return (self.stop, *inputs[0][1:])

        return Longer(start=1, stop=3)

    @staticmethod
    def clock() -> Op:
        class Still(ops.Quantize):
            def clock(self, *clocks: Clock) -> Clock:
                return Clock.STATIC

        return Still(bits=1)

    @staticmethod
    def tables() -> Op:
        class Forgetful(ops.Linear):
            def tables(self) -> Mapping[str, Shape]:
                return {"weight": (self.cout, self.cin)}

        return Forgetful(cin=3, cout=4)

    @staticmethod
    def moves() -> Op:
        class Moving(ops.LayerScale):
            moves = property(lambda self: True)

        return Moving(channels=3)

    @staticmethod
    def linearity() -> Op:
        class Straight(ops.Act):
            linear_in: ClassVar[tuple[int, ...]] = (0,)

        return Straight()

    @staticmethod
    def products() -> Op:
        class Silent(ops.Mul):
            product: ClassVar[bool] = False

        return Silent()

    @staticmethod
    def carrying() -> Op:
        class Carrying(ops.Quantize):
            carries = property(lambda self: True)

        return Carrying(bits=0)

    @staticmethod
    def hoisting() -> Op:
        class Above(ops.LayerScale):
            hoists = property(lambda self: True)

        return Above(channels=3)

    @staticmethod
    def units() -> Op:
        class Deaf(ops.Linear):
            def meaning(self, *inputs: Array, unit: float = 1.0, **tables: Array) -> Array:
                return super().meaning(*inputs, **tables)

        return Deaf(cin=3, cout=4)

    @staticmethod
    def kinds() -> Op:
        class Counting(ops.LayerScale):
            def kind(self, *kinds: Kind, steps: int = 1) -> Kind:
                return kinds[0]

        return Counting(channels=3)

    @staticmethod
    def parts() -> Op:
        class Free(ops.LayerScale):
            def parts(self, kinds: tuple[Kind, ...], out: Shape, *inputs: Shape) -> tuple[Any, ...]:
                return ()

        return Free(channels=3)

    @staticmethod
    def fanout() -> Op:
        class Narrow(ops.Linear):
            def fanout(self, *inputs: Shape) -> ops.Fanout:
                return ops.Fanout((1,), (1,), 1)

        return Narrow(cin=3, cout=4)

    @staticmethod
    def touching() -> Op:
        class Local(ops.Linear):
            def touched(self, changed: tuple[Array, ...], inputs: tuple[Array, ...]) -> Array:
                return np.zeros((len(changed[0]), *self.shape(changed[0].shape[1:])), bool)

        return Local(cin=3, cout=4)

    @staticmethod
    def serial() -> Op:
        class Lost(ops.LayerScale):
            def __eq__(self, other: object) -> bool:
                return self is other

            __hash__ = None  # type: ignore[assignment]

        return Lost(channels=3)

    @staticmethod
    def words() -> Op:
        class Careless(ops.Gate):
            def __post_init__(self) -> None:
                pass

        return Careless()


@pytest.mark.parametrize("claim", CLAIMS)
def test_an_op_that_is_not_what_it_says_is_caught(claim, registry):
    op = getattr(_Lies, claim)()
    shapes = ((5, 3),) * (op.arity or 1)
    with pytest.raises((AssertionError, pytest.fail.Exception)):
        CLAIMS[claim](Trial(Case(op=op, shapes=shapes), snn("torch"), 3))


def test_a_lie_is_not_left_in_the_registry():
    assert set(REGISTRY) == set(CASES)
