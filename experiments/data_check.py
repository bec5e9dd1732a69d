"""Before anything is trained or written: every file that the run will read is there and can be read.

A split that was found whole leaves its fingerprint (paths, sizes, times) in ``data.cache``, so it is not decoded
again until a file changes.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from shlex import quote

from avs import avsbench
from avs.clip import knows_objects
from common.files import write_whole
from experiments.dataset import split, wanted
from experiments.errors import UserError
from experiments.evaluate import require_donors
from experiments.progress import bars
from experiments.settings import DataSettings


def build_command(variant: str, root: str) -> str:
    return f"python main.py --mode data --dataset avsbench --variant {variant} --root {quote(root)} --build-logmels"


def checked(title: str, place: avsbench.Place, rows: Sequence[avsbench.Row]) -> avsbench.Report:
    """The report of a split, under a progress bar."""
    with bars() as progress:
        task = progress.add_task(title, total=len(rows), note="")
        return avsbench.check(place, rows, lambda: progress.advance(task))


def _require_files(data: DataSettings, name: str) -> None:
    place = avsbench.place(data.variant, Path(data.root))
    rows = avsbench.rows_of(place, name, wanted(data, name))
    mark = Path(data.cache) / f"avsbench-{data.variant}-{name}.whole" if data.cache else None
    print_now = avsbench.fingerprint(place, rows)
    if mark is not None and mark.is_file() and mark.read_text(errors="replace") == print_now:
        return
    report = checked(f"check {data.variant} {name}", place, rows)
    if report.findings:
        first, more = report.findings[0].sentence, len(report.findings) - 1
        told = f"; {more} more files of split '{name}' are not right, --mode data lists them" if more else ""
        how = f"; build log-mels with: {build_command(data.variant, data.root)}" if report.buildable else ""
        raise UserError(first + told + how)
    if mark is not None:
        write_whole(mark, print_now.encode())


def _avsbench(data: DataSettings) -> None:
    try:
        for name in avsbench.SPLITS:
            _require_files(data, name)
    except UserError:
        raise
    except ValueError as error:
        raise UserError(str(error)) from error


FILES = {"avsbench": _avsbench}


def require_data(data: DataSettings) -> None:
    """All splits of a run: training reads one, the choice of settings another, the report the third."""
    if data.dataset in FILES:
        FILES[data.dataset](data)
    test = split(data, "test")
    if knows_objects(test):
        require_donors(test, "data.test")
