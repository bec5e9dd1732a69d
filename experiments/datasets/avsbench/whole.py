"""Before anything is trained or written: every file that a run will read is there and can be read.

A split that was once whole leaves its fingerprint (paths, sizes, times) in ``data.cache``, so it is not decoded again
until a file changes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from shlex import quote

from avs import avsbench
from common.files import write_whole
from experiments.datasets.avsbench.settings import AvsbenchSettings
from experiments.errors import UserError
from experiments.progress import bars


def build_command(variant: str, root: Path) -> str:
    command = "python main.py --mode data --dataset avsbench"
    return f"{command} --variant {variant} --root {quote(str(root))} --build-logmels"


def checked(title: str, place: avsbench.Place, rows: Sequence[avsbench.Row]) -> avsbench.Report:
    """The report of a split, under a progress bar."""
    with bars() as progress:
        task = progress.add_task(title, total=len(rows), note="")
        return avsbench.check(place, rows, lambda: progress.advance(task))


def _whole_split(data: AvsbenchSettings, name: str, count: int) -> None:
    place = avsbench.place(data.variant, Path(data.root))
    rows = avsbench.rows_of(place, name, count)
    mark = Path(data.cache) / f"avsbench-{data.variant}-{name}.whole" if data.cache else None
    print_now = avsbench.fingerprint(place, rows)
    if mark is not None and mark.is_file() and mark.read_text(errors="replace") == print_now:
        return
    report = checked(f"check {data.variant} {name}", place, rows)
    if report.findings:
        first, more = report.findings[0].sentence, len(report.findings) - 1
        others = f"; {more} more files of split '{name}' are not right, --mode data lists them" if more else ""
        build = build_command(data.variant, Path(data.root))
        how = f"; build log-mels with: {build}" if report.buildable else ""
        raise UserError(first + others + how)
    if mark is not None:
        write_whole(mark, print_now.encode())


def whole(data: AvsbenchSettings, counts: Mapping[str, int]) -> None:
    """``counts``: clips of each split, 0: all."""
    try:
        for name, count in counts.items():
            _whole_split(data, name, count)
    except UserError:
        raise
    except ValueError as error:
        raise UserError(str(error)) from error
