"""``KeyMap``: an official checkpoint's keys -> ours, strictly: every key of theirs is loaded or explained.

A rule is a regular expression on the official key, and the keys of ours that it becomes; ``\\1`` in those is a group of
the expression. A packed tensor becomes several: ``Part("layers.\\1.q_proj.weight", 0, of=3)`` is its first third. Axes
of length one may differ (a 1x1 convolution is a linear layer).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from common.words import nearest

if TYPE_CHECKING:  # the command line asks for names alone, and torch takes long to import
    from torch import Tensor


@dataclass(frozen=True)
class Part:
    """The ``index``-th of ``of`` equal parts of an official tensor along ``axis``."""

    target: str
    index: int = 0
    of: int = 1
    axis: int = 0

    def cut(self, tensor: Tensor) -> Tensor:
        length = tensor.shape[self.axis] // self.of if self.of > 1 else 0
        return tensor.narrow(self.axis, self.index * length, length) if self.of > 1 else tensor


@dataclass(frozen=True)
class Rule:
    """Official keys that ``pattern`` matches whole, and what they become: one key, or parts of it."""

    pattern: str
    targets: tuple[str | Part, ...]

    def parts(self, match: re.Match[str]) -> list[Part]:
        parts = [t if isinstance(t, Part) else Part(t) for t in self.targets]
        return [replace(p, target=match.expand(p.target)) for p in parts]


def rule(pattern: str, *targets: str | Part) -> Rule:
    return Rule(pattern, targets)


def thirds(target: str, kind: str) -> tuple[Part, ...]:
    """A packed ``in_proj_weight`` or ``in_proj_bias`` as q, k and v: ``target`` is the attention's prefix."""
    return tuple(Part(f"{target}{n}_proj.{kind}", i, 3) for i, n in enumerate("qkv"))


@dataclass(frozen=True)
class KeyMap:
    """``unused``: official keys that nothing reads, with the reason. ``own``: keys of ours that no official file has,
    with the reason; they keep their value. The first rule that matches wins; ``unused`` is looked at before them."""

    family: str
    rules: tuple[Rule, ...]
    unused: tuple[tuple[str, str], ...] = ()
    own: tuple[tuple[str, str], ...] = ((r".*num_batches_tracked", "a counter that evaluation does not read"),)

    def knows(self, key: str) -> bool:
        """Whether an official key has a rule, or a reason to be left out."""
        patterns = [*(rule.pattern for rule in self.rules), *(pattern for pattern, _ in self.unused)]
        return any(re.fullmatch(pattern, key) for pattern in patterns)


@dataclass(frozen=True)
class Translated:
    """``state``: our keys. ``loaded``: official keys that were used; ``unused``: the others and why."""

    state: dict[str, Tensor]
    loaded: tuple[str, ...]
    unused: dict[str, str] = field(default_factory=dict)

    @property
    def summary(self) -> str:
        return f"{len(self.loaded)} official tensors loaded{about_unused(self.unused)}"


def about_unused(unused: Mapping[str, str]) -> str:
    """How many keys were left for each reason."""
    return "".join(f"; {count} unused: {why}" for why, count in Counter(unused.values()).items())


def _reason(key: str, reasons: tuple[tuple[str, str], ...]) -> str | None:
    return next((why for pattern, why in reasons if re.fullmatch(pattern, key)), None)


def _fitted(tensor: Tensor, shape: tuple[int, ...], source: str, target: str) -> Tensor:
    def core(of: tuple[int, ...]) -> list[int]:
        return [n for n in of if n != 1]

    if core(tuple(tensor.shape)) != core(shape):
        raise ValueError(f"official key '{source}' has shape {tuple(tensor.shape)}, expected {shape} for '{target}'")
    return tensor.reshape(shape)


def translate(official: Mapping[str, Tensor], keys: KeyMap, ours: Mapping[str, Tensor]) -> Translated:
    """``ours``: the network's state dict, for its keys and shapes."""
    state: dict[str, Tensor] = {}
    loaded, unused = [], {}
    for key, tensor in official.items():
        why = _reason(key, keys.unused)
        if why is not None:
            unused[key] = why
            continue
        parts = next((r.parts(m) for r in keys.rules if (m := re.fullmatch(r.pattern, key))), [])
        for part in parts:
            if part.target not in ours:
                raise ValueError(_stranger(key, part.target, keys.family, ours))
            if part.target in state:
                raise ValueError(f"official key '{key}' fills '{part.target}' a second time")
            state[part.target] = _fitted(part.cut(tensor), tuple(ours[part.target].shape), key, part.target)
        if not parts:
            raise ValueError(_stranger(key, key, keys.family, ours))
        loaded.append(key)
    lacking = [k for k in ours if k not in state and _reason(k, keys.own) is None]
    if lacking:
        raise ValueError(
            f"the official checkpoint leaves {len(lacking)} of {len(ours)} keys of '{keys.family}' empty, "
            f"first '{lacking[0]}'; expected a checkpoint of the same family and backbone"
        )
    return Translated(state, tuple(loaded), unused)


def _stranger(key: str, target: str, family: str, ours: Mapping[str, Tensor]) -> str:
    return f"official key '{key}' is unknown to '{family}'; nearest of ours: '{nearest(target, ours)}'"
