"""Which scopes of a graph become submodules with a forward of their own: those that can be run in one piece.

A node belongs to the scope that its name says ("backbone.layer1.0.conv1"), a site to that of the value it stands on.
A scope can be run in one piece if what it reads never waits for what it makes, and if the modules of its nodes lie
below it. A scope that cannot is left to the scope around it, and its own inner scopes are tried.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from heapq import heapify, heappop, heappush

SITES = "sites."


def place(name: str) -> str:
    return name.removeprefix(SITES)


@dataclass(frozen=True)
class Wiring:
    """``args``: node -> what it reads, in the order of execution; ``owner``: node -> the path of its module, if any."""

    args: Mapping[str, tuple[str, ...]]
    owner: Mapping[str, str]

    def fits(self, scope: str, members: Iterable[str]) -> bool:
        """Do the modules of its nodes lie below the scope (or among the sites), and does no node bear its very name?"""
        if scope in self.args or f"{SITES}{scope}" in self.args:
            return False
        paths = [self.owner[n] for n in members if n in self.owner]
        return all(path.startswith((f"{scope}.", SITES)) for path in paths)


def ordered(wiring: Wiring, names: list[str], scopes: Mapping[str, list[str]]) -> list[str] | None:
    """Scopes and single nodes in an order that can be run, earliest first; None where scopes wait for each other."""
    item = {n: n for n in names} | {n: scope for scope, members in scopes.items() for n in members}
    first: dict[str, int] = {}
    waits: dict[str, set[str]] = {}
    for rank, name in enumerate(names):
        mine = item[name]
        first.setdefault(mine, rank)
        waits.setdefault(mine, set()).update(item[a] for a in wiring.args[name] if a in item and item[a] != mine)
    readers: dict[str, list[str]] = {i: [] for i in waits}
    for mine, needed in waits.items():
        for other in needed:
            readers[other].append(mine)
    left = {mine: len(needed) for mine, needed in waits.items()}
    ready = [(first[i], i) for i, count in left.items() if not count]
    heapify(ready)
    order: list[str] = []
    while ready:
        _, now = heappop(ready)
        order.append(now)
        for reader in readers[now]:
            left[reader] -= 1
            if not left[reader]:
                heappush(ready, (first[reader], reader))
    return order if len(order) == len(waits) else None


def _inner(names: list[str], prefix: str) -> dict[str, list[str]]:
    """The nodes below a scope by its inner scopes; nodes that stand in it directly are left out."""
    groups: dict[str, list[str]] = {}
    for name in names:
        part, dot, _ = place(name).removeprefix(prefix).partition(".")
        if dot:
            groups.setdefault(f"{prefix}{part}", []).append(name)
    return groups


def scopes_of(wiring: Wiring, names: list[str], prefix: str = "") -> dict[str, list[str]]:
    """The outermost scopes below ``prefix`` that can be run in one piece, with their nodes."""
    accepted: dict[str, list[str]] = {}

    def visit(below: str) -> None:
        for scope, members in _inner([n for n in names if place(n).startswith(below)], below).items():
            fits = len(members) > 1 and wiring.fits(scope, members)
            if fits and ordered(wiring, names, {**accepted, scope: members}) is not None:
                accepted[scope] = members
            else:
                visit(f"{scope}.")

    visit(prefix)
    return accepted
