"""``--mode energy``: count what runs do, price it, compare it; the runs themselves are not changed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import torch
from rich.console import Console
from rich.progress import Progress
from torch import Tensor

from avs.audio import front_end_cost
from energy.account import Account, account
from energy.columns import Counts
from energy.report import compare, write
from energy.tables import run_table
from experiments.dataset import split
from experiments.errors import UserError
from experiments.network import Run, load_run
from experiments.progress import bars
from experiments.run_folder import read_json
from experiments.settings import EnergySettings


def frames_of(run: Run, clips: int, progress: Progress) -> Iterator[dict[str, Tensor]]:
    """The first test clips, one clip (all its frames) a batch, so that an interval is over clips."""
    data = split(run.settings.data, "test")
    count, frames = min(clips, len(data)), data.frames_per_clip
    task = progress.add_task(f"events of {run.folder.name}", total=count, note="")
    for clip in range(count):
        batch = data.frame_batch(torch.full((frames,), clip), torch.arange(frames))
        yield {k: batch[k] for k in ("image", "logmel")}
        progress.advance(task)


def account_run(run: Run, clips: int, progress: Progress) -> Account:
    """Front end included: the log-mel costs both networks the same."""
    front = Counts(**front_end_cost())
    frames = split(run.settings.data, "test").frames_per_clip
    return account(run.deployed, frames_of(run, clips, progress), frames=frames, front_end=front, name=run.name)


def energy(settings: EnergySettings) -> None:
    if len(settings.runs) < 2:
        raise UserError(
            f"--runs has {len(settings.runs)} runs, expected at least two: the ANN first, then what is compared"
        )
    runs = [load_run(name) for name in settings.runs]
    if runs[0].settings.mode != "ann":
        raise UserError(
            f"--runs begins with '{runs[0].name}' of mode '{runs[0].settings.mode}', expected a run of mode ann"
        )
    mious = {r.name: read_json(r.folder / "metrics.json")["miou"] for r in runs}
    with bars() as progress:
        accounts = {r.name: account_run(r, settings.clips, progress) for r in runs}
    first, *rest = accounts
    rows = compare(accounts[first], {n: accounts[n] for n in rest}, mious, ann_name=first)
    out = Path(settings.out) if settings.out else runs[0].folder.parent
    write(rows, accounts, out)
    console = Console()
    console.print(run_table(rows), markup=False)
    for row in rows:
        if row["sentence"]:
            console.print(row["sentence"], markup=False)
    console.print(f"written to {out}/energy.json, .csv, .md, .html, .png")
