"""``--mode data``: what is there of AVSBench in a folder, by name and count. Writes no more than log-mels."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from rich.table import Table

from avs import avsbench
from experiments.datasets.avsbench.whole import build_command, checked
from experiments.errors import UserError
from experiments.progress import bars

NAMED = 5  # of a kind, in the list under the table


def _places(root: Path, variant: str) -> list[avsbench.Place]:
    """The variant that is asked for, or all whose table is there."""
    if variant != "all":
        return [avsbench.place(variant, root)]
    places = [
        avsbench.place(name, root)
        for name, layout in avsbench.LAYOUTS.items()
        if any((base / layout.table).is_file() for base in (root / layout.folder, root))
    ]
    if not places:
        tables = " or ".join(f"{layout.folder}/{layout.table}" for layout in avsbench.LAYOUTS.values())
        raise ValueError(f"--root is '{root}', which holds no variant of AVSBench, expected {tables} in it")
    return places


def _build(place: avsbench.Place, rows: dict[str, tuple[avsbench.Row, ...]]) -> None:
    lacking = [row for part in rows.values() for row in part if avsbench.can_build(place, row)]
    failed: list[str] = []
    with bars() as progress:
        task = progress.add_task(f"log-mels of {place.layout.variant}", total=len(lacking), note="")
        for row in lacking:
            try:
                avsbench.build_logmel(place, row)
            except ValueError as error:  # the others are built; the check tells what is still missing
                failed.append(str(error))
            progress.advance(task)
    for line in (f"built {len(lacking) - len(failed)} log-mels of {place.layout.variant} in {place.base}", *failed):
        Console().print(line, markup=False, highlight=False, soft_wrap=True)


def table(reports: dict[str, list[avsbench.Report]]) -> Table:
    """A row for each split; files as found / expected."""
    shown = Table(title="AVSBench: whole files / files that the table of clips asks for", title_justify="left")
    for column in ("variant", "split", "clips", *avsbench.KINDS, "missing", "broken"):
        shown.add_column(column, justify="left" if column in ("variant", "split") else "right")
    for variant, parts in reports.items():
        for part in parts:
            counts = (f"{part.found(kind)} / {part.expected[kind]}" for kind in avsbench.KINDS)
            missing = sum(part.count(kind, True) for kind in avsbench.KINDS)
            shown.add_row(
                variant, part.split, str(part.clips), *counts, str(missing), str(len(part.findings) - missing)
            )
    return shown


def lines(variant: str, report: avsbench.Report) -> list[str]:
    """What is wrong in a split: per kind a count and the first names."""
    texts: list[str] = []
    for kind in avsbench.KINDS:
        for missing in (True, False):
            these = [f for f in report.findings if f.kind == kind and f.missing == missing]
            if these:
                word = "missing" if missing else "broken"
                texts.append(f"{variant} {report.split}: {len(these)} {kind} {word}")
                texts += [f"  {f.path if missing else f.sentence}" for f in these[:NAMED]]
                texts += [f"  and {len(these) - NAMED} more"] * (len(these) > NAMED)
    return texts


def _reports(root: Path, variant: str, build_logmels: bool) -> dict[str, list[avsbench.Report]]:
    reports: dict[str, list[avsbench.Report]] = {}
    for place in _places(root, variant):
        name, rows = place.layout.variant, avsbench.index(place)
        if build_logmels:
            _build(place, rows)
        reports[name] = [checked(f"check {name} {split}", place, part) for split, part in rows.items()]
    return reports


def report(root: Path, variant: str, build_logmels: bool) -> None:
    """A table, what is wrong by name, and how to build log-mels; anything wrong is an error at the end."""
    console = Console()
    try:
        reports = _reports(root, variant, build_logmels)
    except ValueError as error:
        raise UserError(str(error)) from error
    console.print(table(reports))
    for name, parts in reports.items():
        for part in parts:
            for line in lines(name, part):
                console.print(line, markup=False, highlight=False, soft_wrap=True)
    for name, parts in reports.items():
        buildable = sum(part.buildable for part in parts)
        if buildable:
            console.print(f"{buildable} log-mels of {name} can be made from the recordings:", markup=False)
            console.print(f"  {build_command(name, root)}", markup=False, soft_wrap=True)
    _verdict(root, reports)


def _verdict(root: Path, reports: dict[str, list[avsbench.Report]]) -> None:
    findings = [finding for parts in reports.values() for part in parts for finding in part.findings]
    if findings:
        missing = sum(finding.missing for finding in findings)
        counts = f"{missing} files are missing and {len(findings) - missing} are broken, expected none"
        raise UserError(f"AVSBench in '{root}' is not whole: {counts}; the first: {findings[0].sentence}")
    print(f"AVSBench in '{root}' is whole: {', '.join(reports)}")
