"""The table of a variant (csv) -> its clips, by split. A row that cannot be meant is an error that names its line."""

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path

from avs.avsbench.layout import SPLITS, Layout, Place, Row


def _column(path: Path, header: list[str], wanted: str | int) -> int:
    if isinstance(wanted, int):
        return wanted
    if wanted not in header:
        raise ValueError(f"{path}: found the columns {', '.join(header) or '(none)'}, expected one named '{wanted}'")
    return header.index(wanted)


def _plain(path: Path, line: int, word: str, what: str) -> str:
    """A part of a path: one that leads elsewhere is not followed."""
    if not word or word in (".", "..") or "/" in word or "\\" in word or "\0" in word:
        raise ValueError(f"{path} line {line}: found {what} '{word}', expected the name of a file or folder")
    return word


def _among(path: Path, line: int, word: str, what: str, allowed: tuple[str, ...]) -> str:
    if allowed and word not in allowed:
        raise ValueError(f"{path} line {line}: found {what} '{word}', expected one of {', '.join(allowed)}")
    return word


def _rows(path: Path, layout: Layout) -> Iterator[tuple[int, Row]]:
    with path.open(newline="", encoding="utf-8-sig") as file:
        reader = csv.reader(file)
        header = next(reader, [])
        columns = {"split": _column(path, header, "split"), "name": _column(path, header, layout.name)}
        if layout.group:
            columns["group"] = _column(path, header, layout.group)
        for cells in reader:
            if not cells:
                continue
            line = reader.line_num
            if len(cells) <= max(columns.values()):
                raise ValueError(f"{path} line {line}: found {len(cells)} cells, expected {len(header)}")
            values = {key: cells[at].strip() for key, at in columns.items()}
            _among(path, line, values["split"], "split", SPLITS)
            for key in columns.keys() - {"split"}:
                _plain(path, line, values[key], key)
            if layout.group:
                _among(path, line, values["group"], layout.group, layout.groups)
            yield line, Row(**values)


def index(place: Place) -> dict[str, tuple[Row, ...]]:
    """Split -> its clips in the table's order; every split has some."""
    by_split: dict[str, list[Row]] = {split: [] for split in SPLITS}
    lines: dict[Row, int] = {}
    try:
        for line, row in _rows(place.table, place.layout):
            if row in lines:
                raise ValueError(f"{place.table} line {line}: found clip '{row.name}' again (line {lines[row]})")
            lines[row] = line
            by_split[row.split].append(row)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ValueError(f"{place.table}: found no readable table ({error}), expected a csv file in UTF-8") from error
    empty = [split for split, rows in by_split.items() if not rows]
    if empty:
        raise ValueError(f"{place.table}: found no clip of split '{empty[0]}', expected at least one")
    return {split: tuple(rows) for split, rows in by_split.items()}


def rows_of(where: Place, split: str, count: int = 0) -> Sequence[Row]:
    """The first ``count`` clips of a split, or all of them (0)."""
    rows = index(where)[split]
    if count > len(rows):
        raise ValueError(f"{where.table}: found {len(rows)} clips of split '{split}', expected at least {count}")
    return rows[: count or None]
