"""``--mode ablate``: run the sweep, then write ``ablation.csv``, ``ablation.md`` and ``ablation.png``."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console

from common.files import write_whole
from experiments.ablation.figure import figure
from experiments.ablation.plan import Plan, plan
from experiments.ablation.statistics import verdict
from experiments.ablation.tables import arms_table, differences, markdown, runs_table
from experiments.modes.ablate import AblateSettings
from experiments.run_folder import prepare
from experiments.sweep.driver import sweep
from experiments.sweep.record import write_jobs


def ablate(settings: AblateSettings) -> None:
    planned, out = plan(settings), Path(settings.out)
    prepare(out, resume=settings.resume, overwrite=settings.overwrite)
    if not settings.resume:
        write_jobs(out, planned.points, {})  # from here on it can be resumed
    sweep(planned.points, settings.sweep, out)
    said = report(settings, planned, out)
    console = Console()
    console.print(said, markup=False)
    console.print(f"written to {out}/ablation.csv, .md, .png")


def report(settings: AblateSettings, planned: Plan, out: Path) -> str:
    """The three files, from what the runs left; -> the verdict."""
    table = runs_table(planned)
    told = differences(table, planned, settings.metric)
    said = verdict(told, planned.reference.label, settings.metric)
    arms = markdown(arms_table(table, told, settings.metric))
    title = settings.question or "Ablation"
    size = " (smoke size: says only that it runs)" if settings.smoke else ""
    write_whole(out / "ablation.csv", table.to_csv(index=False, lineterminator="\n"))
    write_whole(out / "ablation.md", f"# {title}{size}\n\n{said}\n\n{arms}\n")
    write_whole(
        out / "ablation.png", figure(table, told, planned.reference.label, settings.metric, settings.question + size)
    )
    return said
