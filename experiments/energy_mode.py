"""``--mode energy``: count what runs do, price it, compare it; the runs themselves are not changed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.progress import Progress
from rich.table import Table
from torch import Tensor

from avs.audio import front_end_cost
from energy.account import Account, account
from energy.columns import Counts
from energy.report import compare, write
from experiments.dataset import real_frames, split
from experiments.device import device_of, moved, placed
from experiments.errors import UserError
from experiments.modes.energy import EnergySettings
from experiments.network import Run, load_run
from experiments.progress import bars
from experiments.run_folder import read_json


def frames_of(run: Run, clips: int, device: torch.device, progress: Progress) -> Iterator[dict[str, Tensor]]:
    """The first test clips, one clip a batch, so that an interval is over clips."""
    data = split(run.settings.data, "test")
    count, frames = min(clips, len(data)), real_frames(data)
    task = progress.add_task(f"events of {run.folder.name}", total=count, note="")
    for clip in range(count):
        batch = data.frame_batch(torch.full((frames,), clip), torch.arange(frames))
        yield moved({k: batch[k] for k in ("image", "logmel")}, device)
        progress.advance(task)


def account_run(run: Run, clips: int, device: torch.device, progress: Progress) -> Account:
    """Front end included: the log-mel costs both networks the same."""
    front = Counts(**front_end_cost())
    frames = real_frames(split(run.settings.data, "test"))
    network = placed(run.deployed, device)
    return account(network, frames_of(run, clips, device, progress), frames=frames, front_end=front, name=run.name)


def priced(settings: EnergySettings) -> tuple[list[dict[str, Any]], Path]:
    """Account for the runs, write the report, and return its rows and where it lies."""
    if len(settings.runs) < 2:
        found = len(settings.runs)
        raise UserError(f"--runs has {found} runs, expected at least two: the ANN first, then what is compared with it")
    runs = [load_run(name) for name in settings.runs]
    if runs[0].settings.mode != "ann":
        mode = runs[0].settings.mode
        raise UserError(f"--runs begins with '{runs[0].name}' of mode '{mode}', expected a run of mode ann")
    mious = {r.name: read_json(r.folder / "metrics.json")["miou"] for r in runs}
    with bars() as progress:
        device = device_of(settings.device)
        accounts = {r.name: account_run(r, settings.clips, device, progress) for r in runs}
    first, *rest = accounts
    rows = compare(accounts[first], {n: accounts[n] for n in rest}, mious, ann_name=first)
    out = Path(settings.out) if settings.out else runs[0].folder.parent
    write(rows, accounts, out)
    return rows, out


def table(rows: list[dict[str, Any]]) -> Table:
    """A column for each run, a row for each measure; losses stay negative."""
    shown = Table(title="a frame, and what is saved against the first run", title_justify="left")
    shown.add_column("")
    for row in rows:
        shown.add_column(Path(row["run"]).name, justify="right")
    shown.add_row("mIoU", *(f"{r['miou']:.3f}" for r in rows))
    for key, title in (("strict", "uJ, all arithmetic, fp32"), ("paper", "uJ, as the literature counts")):
        shown.add_row(title, *(f"{r['energy_uj'][key]:.2f}" for r in rows))
    for key in ("paper", "paper_exact"):
        shown.add_row(key, *(f"{r['saving'][key]:+.1%}" for r in rows))
    for key in ("strict_compute", "strict_memory"):
        for x in rows[0]["saving"][key]:
            shown.add_row(f"{key}({x})", *(f"{r['saving'][key][x]:+.1%}" for r in rows))
    shown.add_row("spike-fed multiplies", *(f"{r['spike_fed_share']:.1%}" for r in rows))
    shown.add_row("coverage of the count", *(f"{r['coverage']:.0%}" for r in rows))
    return shown


def energy(settings: EnergySettings) -> None:
    rows, out = priced(settings)
    console = Console()
    console.print(table(rows))
    for row in rows:
        if row["sentence"]:
            console.print(row["sentence"], markup=False)
    console.print(f"written to {out}/energy.json, .csv, .md, .html, .png")
