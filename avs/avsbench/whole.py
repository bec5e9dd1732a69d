"""Whether a split of AVSBench is whole: every file of every row is there, is opened and is decoded to its end.

Nothing is silent: what is missing or broken is counted by kind and named, in the order of the table.
"""

import hashlib
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from avs.avsbench.images import mask_labels, read, size_of
from avs.avsbench.layout import Place, Row
from avs.avsbench.logmels import can_build, read_logmel

KINDS = ("frames", "masks", "log-mels")


@dataclass(frozen=True, kw_only=True)
class Finding:
    """``kind``: one of KINDS. ``missing`` or, if the file is there, broken."""

    kind: str
    path: Path
    missing: bool
    sentence: str


@dataclass(frozen=True, kw_only=True)
class Report:
    """``expected``: files by kind. ``buildable``: missing log-mels whose wav is there."""

    split: str
    clips: int
    expected: dict[str, int]
    findings: tuple[Finding, ...]
    buildable: int

    @property
    def complete(self) -> bool:
        return not self.findings

    def count(self, kind: str, missing: bool) -> int:
        return sum(finding.kind == kind and finding.missing == missing for finding in self.findings)

    def found(self, kind: str) -> int:
        """Files that are there and whole."""
        return self.expected[kind] - sum(finding.kind == kind for finding in self.findings)


def files(place: Place, row: Row) -> Iterator[tuple[str, Path]]:
    """(kind, path) of everything that the row needs."""
    layout = place.layout
    yield from (("frames", place.image(row, frame)) for frame in range(layout.valid(row)))
    yield from (("masks", place.mask(row, frame)) for frame in range(layout.labelled(row)))
    yield "log-mels", place.logmel(row)


def _same_aspect(one: tuple[int, int], other: tuple[int, int]) -> bool:
    return abs(one[0] * other[1] - one[1] * other[0]) <= max(*one, *other)


def _mask(place: Place, row: Row, frame: int) -> None:
    path, image = place.mask(row, frame), place.image(row, frame)
    size = mask_labels(path, place.layout.mask_kind).size
    wanted = size_of(image)
    # A frame that cannot be opened is a finding of its own.
    if wanted is not None and not _same_aspect(size, wanted):
        raise ValueError(f"{path}: found a mask of {size[0]}x{size[1]}, expected its frame's {wanted[0]}x{wanted[1]}")


def check_row(place: Place, row: Row) -> list[Finding]:
    """Everything that is wrong with one clip."""
    layout, findings = place.layout, list[Finding]()
    kinds: list[tuple[str, Path, Callable[[], object]]] = []
    for frame in range(layout.valid(row)):
        path = place.image(row, frame)
        kinds.append(("frames", path, lambda path=path: read(path, f"a frame of clip '{row.name}'")))  # type: ignore[misc]
    for frame in range(layout.labelled(row)):
        kinds.append(("masks", place.mask(row, frame), lambda frame=frame: _mask(place, row, frame)))  # type: ignore[misc]
    kinds.append(("log-mels", place.logmel(row), lambda: read_logmel(place.logmel(row), layout.frames)))
    for kind, path, attempt in kinds:
        try:
            attempt()
        except ValueError as error:
            findings.append(Finding(kind=kind, path=path, missing=not path.exists(), sentence=str(error)))
    return findings


def check(
    place: Place,
    rows: Sequence[Row],
    tick: Callable[[], None] = lambda: None,
    workers: int | None = None,
) -> Report:
    """All clips of a split; ``tick`` is called after each. ``workers``: threads, by default one a core."""
    expected = dict.fromkeys(KINDS, 0)
    for row in rows:
        for kind, _ in files(place, row):
            expected[kind] += 1
    findings: list[Finding] = []
    with ThreadPoolExecutor(workers or os.cpu_count() or 1) as pool:
        for of_row in pool.map(lambda row: check_row(place, row), rows):
            findings += of_row
            tick()
    buildable = sum(can_build(place, row) for row in rows) if findings else 0
    return Report(
        split=rows[0].split, clips=len(rows), expected=expected, findings=tuple(findings), buildable=buildable
    )


def fingerprint(place: Place, rows: Sequence[Row]) -> str:
    """Of every path, its size and its time: equal where nothing was touched since, so a check still holds."""
    digest = hashlib.sha256(f"{place.layout.variant} {place.base.resolve()}\n".encode())
    for row in rows:
        for _, path in files(place, row):
            try:
                status = path.stat()
                digest.update(f"{path} {status.st_size} {status.st_mtime_ns}\n".encode())
            except OSError:
                digest.update(f"{path} missing\n".encode())
    return digest.hexdigest()
