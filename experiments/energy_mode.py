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
from convert.widths import FLOAT
from energy.account import Account, account
from energy.columns import Counts
from energy.costs import Static
from energy.hardware import Profile, profile_of
from energy.report import compare, write
from experiments.binding import METRICS
from experiments.compared_runs import compared
from experiments.dataset import real_frames, split
from experiments.device import device_of, moved, placed
from experiments.energy_evidence import evidence
from experiments.errors import UserError
from experiments.evaluate import CHUNK
from experiments.host_memory import keep_freed_memory
from experiments.modes.energy import EnergySettings
from experiments.network import Run
from experiments.progress import bars
from experiments.rescore import Rescore
from experiments.run_folder import read_json

INPUTS, TRUTH = ("image", "logmel"), ("mask", "labelled")


def clips_of(run: Run, clips: int, device: torch.device, progress: Progress) -> Iterator[dict[str, Tensor]]:
    """The first test clips, several whole ones a batch."""
    data = split(run.settings.data, "test")
    count, frames = min(clips, len(data)), real_frames(data)
    task = progress.add_task(f"events of {run.folder.name}", total=count, note="")
    for part in torch.arange(count).split(max(1, CHUNK // frames)):
        batch = data.frame_batch(part.repeat_interleave(frames), torch.arange(frames).repeat(len(part)))
        yield moved({k: batch[k] for k in (*INPUTS, *TRUTH)}, device)
        progress.advance(task, len(part))


def account_run(run: Run, clips: int, device: torch.device, progress: Progress) -> tuple[Account, float]:
    """The account, and the mIoU of the counted clips. Front end included: the log-mel costs both networks the same."""
    front = Counts(**front_end_cost())
    data = split(run.settings.data, "test")
    frames = real_frames(data)
    again = Rescore(run.name, metrics_of(run)["miou_per_clip"], frames, data.valid.sum(1) == frames)
    batches = clips_of(run, clips, device, progress)
    counted = account(
        placed(run.deployed, device), batches, frames=frames, front_end=front, name=run.name, judge=again.update
    )
    return counted, again.miou()


def metrics_of(run: Run) -> dict[str, Any]:
    metrics: dict[str, Any] = read_json(run.folder / METRICS)
    return metrics


def priced(settings: EnergySettings) -> tuple[list[dict[str, Any]], Path]:
    """Account for the runs, write the report, and return its rows and where it lies."""
    keep_freed_memory()
    extra = prices_of(settings)
    runs = compared(settings.runs)
    metrics = {r.name: metrics_of(r) for r in runs}
    with bars() as progress:
        device = device_of(settings.device)
        counted = {r.name: account_run(r, settings.clips, device, progress) for r in runs}
    accounts = {name: found for name, (found, _) in counted.items()}
    first, *rest = accounts
    rows = compare(
        accounts[first],
        {n: accounts[n] for n in rest},
        {name: m["miou"] for name, m in metrics.items()},
        ann_name=first,
        static=static_of(settings),
        prices=extra,
    )
    for row in rows:
        name = row["run"]
        row["scored"] = {
            "clips": accounts[name].samples,
            "miou": counted[name][1],
            "weight_bits": metrics[name].get("weight_bits", FLOAT),
            "miou_int8": metrics[name].get("miou_int8"),
        }
    out = Path(settings.out) if settings.out else runs[0].folder.parent
    write(rows, accounts, out, evidence(runs), extra)
    return rows, out


def static_of(settings: EnergySettings) -> Static | None:
    prices = settings.energy
    if bool(prices.static_uw) != bool(prices.frame_ms):
        given, missing = ("static_uw", "frame_ms") if prices.static_uw else ("frame_ms", "static_uw")
        raise UserError(f"energy.{given} is {getattr(prices, given)} and energy.{missing} 0, expected both or neither")
    return Static(uw=prices.static_uw, ms=prices.frame_ms) if prices.static_uw else None


def prices_of(settings: EnergySettings) -> Profile | None:
    try:
        return profile_of(settings.energy.profile) if settings.energy.profile else None
    except ValueError as error:
        raise UserError(str(error)) from error


def table(rows: list[dict[str, Any]]) -> Table:
    """A column for each run, a row for each measure; losses stay negative."""
    shown = Table(title="a frame, and what is saved against the first run", title_justify="left")
    shown.add_column("")
    for row in rows:
        shown.add_column(Path(row["run"]).name, justify="right")
    shown.add_row("mIoU", *(f"{r['miou']:.3f}" for r in rows))
    shown.add_row("mIoU of the counted clips", *(f"{r['scored']['miou']:.3f}" for r in rows))
    shown.add_row("bits of its weights", *(str(r["scored"]["weight_bits"]) for r in rows))
    for key, title in (("strict", "uJ, all arithmetic, fp32"), ("paper", "uJ, as the literature counts")):
        shown.add_row(title, *(f"{r['energy_uj'][key]:.2f}" for r in rows))
    for key in ("paper", "paper_exact"):
        shown.add_row(key, *(f"{r['saving'][key]:+.1%}" for r in rows))
    for key in ("strict_compute", "strict_memory"):
        for x in rows[0]["saving"][key]:
            shown.add_row(f"{key}({x})", *(f"{r['saving'][key][x]:+.1%}" for r in rows))
    if own := rows[-1]["profile"]:
        for place in own["saving"]:
            values = (r["profile"]["saving"][place]["dense_fp32"] if r["profile"] else 0.0 for r in rows)
            shown.add_row(f"{own['name']}, {place} (dense ANN)", *(f"{v:+.1%}" for v in values))
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
