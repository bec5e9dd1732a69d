"""Files as the systems' authors publish them, made from one of our networks by reading its key map backwards."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from re import _constants as sre  # type: ignore[attr-defined]
from re import _parser as parser  # type: ignore[attr-defined]

import torch
from torch import Tensor

from ann.checkpoints.keymap import KeyMap, Part, Rule


def _text(tokens: object, groups: Mapping[int, str]) -> str:
    """A text that a pattern matches: groups as given, of alternatives the first."""
    found = ""
    for kind, value in tokens:  # type: ignore[attr-defined]
        if kind is sre.LITERAL:
            found += chr(value)
        elif kind is sre.SUBPATTERN:
            number, inner = value[0], value[-1]
            found += groups[number] if number in groups else _text(inner, groups)
        elif kind is sre.BRANCH:
            found += _text(value[1][0], groups)
        else:
            raise ValueError(f"no text for {kind}")
    return found


def _expression(target: str) -> str:
    """``layers.\\1.q_proj`` as an expression that finds group 1 in one of our keys."""
    seen: set[str] = set()

    def group(match: re.Match[str]) -> str:
        number = match[1]
        again = number in seen
        seen.add(number)
        return f"(?P=g{number})" if again else f"(?P<g{number}>.+?)"

    return re.sub(r"\\\\(\d)", group, re.escape(target))


def _origins(rule: Rule, key: str) -> Iterator[str]:
    """Official keys whose first part ``rule`` makes our ``key``."""
    first = rule.targets[0]
    target = first.target if isinstance(first, Part) else first
    found = re.fullmatch(_expression(target), key)
    if found:
        given = {int(name[1:]): text for name, text in found.groupdict().items()}
        official = _text(parser.parse(rule.pattern), given)
        match = re.fullmatch(rule.pattern, official)
        if match and rule.parts(match)[0].target == key:
            yield official


def official_state(ours: Mapping[str, Tensor], keys: KeyMap) -> dict[str, Tensor]:
    """The tensors under their official names; packed ones are whole again. Keys without a rule are left out."""
    state: dict[str, Tensor] = {}
    covered: set[str] = set()
    for rule in keys.rules:
        for key in ours:
            for official in _origins(rule, key):
                match = re.fullmatch(rule.pattern, official)
                assert match is not None
                parts = rule.parts(match)
                targets = {part.target for part in parts}
                if targets <= ours.keys() and not targets & covered:
                    covered |= targets
                    state[official] = torch.cat([ours[part.target] for part in parts], parts[0].axis).clone()
    return state
