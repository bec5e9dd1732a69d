"""What an op says of itself, held against its numpy meaning and what torch makes of it: one function a claim."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cached_property
from math import prod
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from common.choices import choices
from graph.dialect import Call, Dialect, Place, Placed
from graph.graph import Graph
from graph.ops import Array, Input, Output, Scaled
from graph.ops.base import size
from graph.serial import dumps, loads, same
from graph.values import ONE, REAL, Clock, Spike, counts_site, magnitude
from tests.graph.conformance_cases import Case

COUNTS = Spike(4, False, "sites.before")
POSITIVE = ("var", "step", "theta")  # tables that are never below zero


class Trial:
    """A case with numbers: its inputs, its tables, its torch module."""

    def __init__(self, case: Case, dialect: Dialect, batch: int) -> None:
        self.case, self.op, self.dialect, self.batch = case, case.op, dialect, batch
        self.random = np.random.default_rng(0)
        self.inputs = self.draw()
        self.tables = {} if self.part is None else self.fill()

    @cached_property
    def part(self) -> Any:
        """The module, parameter or ``Call`` that torch computes the op with; None for what is but a name."""
        torch.manual_seed(0)
        table = self.dialect.table
        row = next((table[base] for base in type(self.op).__mro__ if base in table), None)
        if row is None:
            assert isinstance(self.op, Input | Output), f"no dialect knows {type(self.op).__name__}"
            return None
        place = Place(kinds=(REAL,) * len(self.inputs), steps=self.case.steps, backend=self.dialect.backend)
        return row.fn(self.op, place) if isinstance(row, Placed) else row(self.op)

    @property
    def state(self) -> dict[str, torch.Tensor]:
        """By suffix; a parameter that is a value itself has none."""
        if isinstance(self.part, nn.Parameter):
            return {"": self.part.data}
        return dict(self.part.state_dict()) if isinstance(self.part, nn.Module) else {}

    def fill(self) -> dict[str, Array]:
        for name, tensor in self.state.items():
            if tensor.is_floating_point():
                positive = name.endswith(POSITIVE)
                numbers = (
                    self.random.uniform(0.5, 1.5, tensor.shape) if positive else self.random.normal(size=tensor.shape)
                )
                tensor.copy_(torch.as_tensor(numbers))
        return {name or "value": tensor.numpy() for name, tensor in self.state.items()}

    def rows(self, argument: int) -> int:
        return 1 if argument in self.case.static else self.batch * self.case.rows

    def draw(self) -> list[Array]:
        values = []
        for i, shape in enumerate(self.case.shapes):
            low = 0 if i in self.case.places else -2
            values.append(self.random.uniform(low, 1 if i in self.case.places else 2, (self.rows(i), *shape)))
        return [v.astype(np.float32) for v in values]

    def meaning(self, *inputs: Array, unit: float | None = None) -> Array:
        more: dict[str, Any] = {}
        if isinstance(self.op, Scaled):
            more["unit"] = self.op.unit.factor if unit is None else unit
        if self.op.timed:
            more["steps"] = self.case.steps
        return self.op.meaning(*inputs, **self.tables, **more)

    @cached_property
    def value(self) -> Array:
        return self.meaning(*self.inputs)

    @torch.no_grad()
    def by_torch(self) -> Array:
        if self.part is None:
            return self.inputs[0]
        if isinstance(self.part, nn.Parameter):
            return self.part[None].numpy()
        args = [torch.from_numpy(x) for x in self.inputs]
        unit = self.op.unit if isinstance(self.op, Scaled) else ONE
        extra = {} if unit == ONE else {"unit": torch.tensor(unit.factor)}
        if isinstance(self.part, Call):
            return self.part.fn(
                *([args] if self.part.star else args), *self.part.args, **self.part.kwargs, **extra
            ).numpy()
        return self.part.eval()(*args, **extra, **self.op.keywords()).numpy()

    def swapped(self, argument: int, value: Array) -> list[Array]:
        return [value if i == argument else x for i, x in enumerate(self.inputs)]


def close(a: Array, b: Array, claim: str) -> None:
    np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5 * max(1.0, float(np.abs(b).max(initial=0))), err_msg=claim)


def agreement(t: Trial) -> None:
    """Torch and numpy say the same; of what only moves, to the bit."""
    value = t.by_torch()
    assert t.value.dtype == value.dtype == np.float32, f"its meaning is {t.value.dtype}"
    assert t.value.shape == value.shape
    if t.op.moves:
        np.testing.assert_array_equal(t.value, value)
    else:
        close(t.value, value, "torch and numpy differ")


def shape(t: Trial) -> None:
    assert t.value.shape[1:] == t.op.shape(*t.case.shapes)
    assert len(t.value) == (t.batch * t.case.gives or 1)


def clock(t: Trial) -> None:
    """How often it is computed is how many rows it has; frames that become clips apart."""
    if hasattr(t.op, "frames"):
        return
    given = Clock.STEPPED if t.case.rows > 1 else Clock.ONCE
    clocks = [Clock.STATIC if i in t.case.static else given for i in range(len(t.inputs))]
    rows = {Clock.STATIC: 1, Clock.ONCE: t.batch, Clock.STEPPED: t.batch * t.case.steps}
    assert len(t.value) == rows[t.op.clock(*clocks)]


def tables(t: Trial) -> None:
    """Its tables are its module's parameters and those buffers that it reads; it learns what the module learns."""
    site = getattr(t.op, "site", None)
    said = t.op.tables() if site is None else site.tables(t.case.steps)
    state = {name: tuple(tensor.shape) for name, tensor in t.state.items()}
    learnt = {"": t.part} if isinstance(t.part, nn.Parameter) else {}
    learnt |= dict(t.part.named_parameters()) if isinstance(t.part, nn.Module) else {}
    assert set(learnt) <= set(said) <= set(state), "its tables are not those of its module"
    assert all(state[name] == tuple(wanted) for name, wanted in said.items()), "a table has another shape"
    assert t.op.parameters() == sum(p.numel() for p in learnt.values()), "it learns another number of parameters"
    assert site is not None or set(said) - set(learnt) == set(said) & set(t.op.buffers)


def moves(t: Trial) -> None:
    """Elements of its inputs or zeros; unless it chooses by their values, from fixed places."""
    if t.op.moves:
        assert np.isin(t.value, np.concatenate([np.zeros(1), *(x.ravel() for x in t.inputs)])).all(), (
            "it does more than move"
        )
    if t.op.moves and not t.op.chooses:
        others = t.draw()
        close(
            t.meaning(*(x + y for x, y in zip(t.inputs, others, strict=True))),
            t.value + t.meaning(*others),
            "it chooses",
        )


def linearity(t: Trial) -> None:
    """Affine in each argument of ``linear_in``, the others held."""
    others = t.draw()
    for i in t.op.linear_in:
        start = t.meaning(*t.swapped(i, np.zeros_like(t.inputs[i])))
        both = t.meaning(*t.swapped(i, t.inputs[i] + others[i]))
        close(both + start, t.value + t.meaning(*t.swapped(i, others[i])), f"it is not linear in argument {i}")


def products(t: Trial) -> None:
    """What is linear in several arguments, but not in all of them at once, is a product of them."""
    if len(t.op.linear_in) < 2 or t.op.product:
        return
    others = t.draw()
    close(t.meaning(*(x + y for x, y in zip(t.inputs, others, strict=True))), t.value + t.meaning(*others), "a product")


def carrying(t: Trial) -> None:
    if t.op.carries:
        close(
            t.meaning(*(x * np.float32(0.25) for x in t.inputs)), t.value * np.float32(0.25), "it does not carry a unit"
        )


def hoisting(t: Trial) -> None:
    """A neuron above it is a neuron below it."""

    def fire(x: Array) -> Array:
        return np.clip(np.round(x), 0, 1)

    if t.op.hoists:
        np.testing.assert_array_equal(fire(t.value), t.meaning(*map(fire, t.inputs)))


def units(t: Trial) -> None:
    """A unit in its counts is a unit in the op, for each argument whose unit it takes."""
    if isinstance(t.op, Scaled):
        for i in {*t.op.linear_in, *t.op.events_on}:
            inside = t.meaning(*t.swapped(i, t.inputs[i] * np.float32(0.25)), unit=1.0)
            close(inside, t.meaning(*t.inputs, unit=0.25), f"it does not take the unit of argument {i}")


def kinds(t: Trial) -> None:
    """What it calls counts of a site are whole numbers in their range, where its inputs are."""
    whole = [np.round(np.abs(x) * 2) for x in t.inputs]
    more = {"steps": t.case.steps} if t.op.timed else {}
    kind = t.op.kind(*(COUNTS for _ in whole), **more) if t.op.arity != 0 else REAL
    if (spike := counts_site(kind)) is None or getattr(t.op, "fn", "") == "mean":  # a mean is made of counts by units
        return
    value, most = t.meaning(*whole), magnitude(kind)
    assert most is not None and (value == np.round(value)).all(), "no whole counts"
    assert value.max() <= most and value.min() >= (-most if spike.signed else 0), "counts beyond their range"


def parts(t: Trial) -> None:
    """Together they are its multiplies; with real inputs each says why."""
    out = t.op.shape(*t.case.shapes)
    total = t.op.multiplies(out, *t.case.shapes)
    real, spiking = (t.op.parts((kind,) * len(t.inputs), out, *t.case.shapes) for kind in (REAL, COUNTS))
    for given in (real, spiking):
        assert sum(part.multiplies for part in given) == total, "its parts are not its multiplies"
        assert sum(part.macs for part in given) <= total
    assert all(part.reason for part in real if part.multiplies), "nothing drives it, and it does not say why"
    assert not t.op.weighted or not any(part.reason for part in spiking), "counts drive all of a weighted op"


def fanout(t: Trial) -> None:
    """A spike at each place reaches so many synapses: counted one by one, with weights that are all ones."""
    if not t.op.weighted:
        return
    ones = {name: np.ones_like(x) if name == "weight" else np.zeros_like(x) for name, x in t.tables.items()}
    said, (dims,) = t.op.fanout(*t.case.shapes), t.case.shapes
    spikes = np.eye(prod(dims), dtype=np.float32).reshape(-1, *dims)
    reached = t.op.meaning(spikes, **ones).reshape(len(spikes), -1).sum(1).reshape(dims)
    each = np.outer(said.rows, said.columns) * said.channels
    np.testing.assert_array_equal(
        reached, np.broadcast_to(each if len(dims) == 3 and each.size > 1 else each.sum(), dims)
    )
    assert t.op.macs(t.op.shape(dims), dims) >= size(dims) // dims[0 if len(dims) == 3 else -1]


def touching(t: Trial) -> None:
    """An element of its value that differs, where an element of an input does, is among those that it says can."""
    if t.op.timed and t.case.steps > 1:  # rows are steps, and a neuron remembers
        return
    for i, x in enumerate(t.inputs):
        for _ in range(6):
            other = x.copy().reshape(-1)
            other[t.random.integers(other.size)] += t.random.choice([-1.0, 0.25, 3.0])
            inputs = t.swapped(i, other.reshape(x.shape))
            changed = tuple(a != b for a, b in zip(inputs, t.inputs, strict=True))
            said = t.op.touched(changed, tuple(inputs))
            differs = t.meaning(*inputs) != t.value
            assert said.shape == differs.shape and said.dtype == bool
            assert not (differs & ~said).any(), f"an element that argument {i} reaches is not among those it says"


def serial(t: Trial) -> None:
    g = Graph(steps=t.case.steps)
    args = [g(f"x{i}", Input(dims=dims)) for i, dims in enumerate(t.case.shapes)] if t.op.arity != 0 else []
    g.output("y", g("node", t.op, *args))
    assert same(loads(dumps(g)), g)


def words(t: Trial) -> None:
    """A wrong word is refused, with the nearest right one."""
    for name in choices(type(t.op)):
        word = getattr(t.op, name)
        with pytest.raises(ValueError, match=f"nearest: '{word}'"):
            replace(t.op, **{name: f"{word}{word[-1]}"})


CLAIMS: dict[str, Callable[[Trial], None]] = {
    f.__name__: f
    for f in (
        agreement, shape, clock, tables, moves, linearity, products, carrying, hoisting, units, kinds, parts, fanout,
        touching, serial, words,
    )
}  # fmt: skip
