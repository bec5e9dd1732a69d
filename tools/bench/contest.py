"""``Contest``: our kernel against one peer on one case. It agrees with the reference first, or there is no speed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import torch

from tools.bench.parity import Function, Tolerance, Work, disagreement
from tools.bench.rows import ABSENT, BROKEN, DIFFERS, FAILED, Row
from tools.bench.timing import Times, copier, interleaved

PASSES = ("forward", "forward+backward")


@dataclass(frozen=True, kw_only=True)
class Options:
    """What the command line asked for. ``only`` and ``without``: a part of "case, pass, dtype,
    peer" of the rows that are wanted, and of those that are not."""

    device: str = "cpu"
    dtypes: tuple[torch.dtype, ...] = (torch.float32,)
    steps: tuple[int, ...] = ()
    neurons: tuple[int, ...] = ()
    threads: tuple[int, ...] = (1,)
    repeats: int = 7
    only: str = ""
    without: str = ""

    def want(self, row: str) -> bool:
        return self.only in row and not (self.without and self.without in row)


@dataclass(frozen=True, kw_only=True)
class Moved:
    """Bytes that have to move at least, and the input's own (what a copy of it is measured on)."""

    forward: int
    backward: int
    input: int

    def of(self, name: str) -> int:
        return self.forward + (self.backward if name == "forward+backward" else 0)


@dataclass(frozen=True, kw_only=True)
class Contest:
    """``work`` and ``rival`` are called when the row is due. ``absent``: why the peer cannot be asked. ``also``: more
    inputs that ours has to get right. ``note``: what differs between the two besides the speed."""

    op: str
    case: str
    peer: str
    dtype: torch.dtype
    work: Callable[[], Work]
    reference: Function
    ours: Function
    rival: Callable[[], Function]
    moved: Moved
    tolerance: Tolerance
    absent: str | None = None
    also: Callable[[], Work] | None = None
    note: str = ""

    def row(self, name: str, device: str) -> Row:
        word = str(self.dtype).removeprefix("torch.")
        return Row(op=self.op, case=f"{self.case}, {name}", device=device, dtype=word, peer=self.peer, note=self.note)

    def rows(self, options: Options) -> list[Row]:
        """One a pass; none if ``only`` leaves none."""
        drafts = {name: self.row(name, options.device) for name in PASSES}
        wanted = {n: r for n, r in drafts.items() if options.want(f"{r.case}, {r.dtype}, {r.peer}")}
        if not wanted:
            return []
        work = self.work()
        refusal = self._refusal(work)
        if refusal is None and self.absent:
            refusal = (ABSENT, self.absent)
        if refusal is None:
            rival, expected = self.rival(), work.outcome(self.reference)
            try:
                off = disagreement(work.outcome(rival), expected, self.tolerance)
                refusal = (DIFFERS, off) if off else None
            except Exception as error:  # others' code may fail in any way; the next row is still measured
                refusal = (BROKEN, f"{type(error).__name__}: {str(error).strip().splitlines()[0]}")
        if refusal is not None:
            return [replace(row, status=refusal[0], note=refusal[1]) for row in wanted.values()]
        return [self._timed(row, name, work, rival, options) for name, row in wanted.items()]

    def _refusal(self, work: Work) -> tuple[str, str] | None:
        for checked in (work, *(() if self.also is None else (self.also(),))):
            off = disagreement(checked.outcome(self.ours), checked.outcome(self.reference), self.tolerance)
            if off:
                return FAILED, off
        return None

    def _timed(self, row: Row, name: str, work: Work, rival: Function, options: Options) -> Row:
        run = work.forward if name == "forward" else work.both
        copy = copier(options.device, self.moved.input)
        actions = (partial(run, self.ours), partial(run, rival), copy)
        ours, theirs, copied = interleaved(options.device, actions, options.repeats)
        gbps = 1e-6 * self.moved.of(name) / ours.median
        share = gbps * copied.median / (2e-6 * self.moved.input)
        return replace(with_times(row, ours, theirs), gbps=gbps, share_of_copy=share)


def with_times(row: Row, ours: Times, theirs: Times | None = None) -> Row:
    timed = replace(row, ours_ms=ours.median, ours_min=ours.fastest, ours_max=ours.slowest)
    if theirs is None:
        return timed
    return replace(
        timed,
        peer_ms=theirs.median,
        peer_min=theirs.fastest,
        peer_max=theirs.slowest,
        ratio=theirs.median / ours.median,
    )
