"""``--mode rates``: how much each site of a run fires; a table and a picture beside the run, which stays as it is."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import torch
from rich.console import Console
from rich.table import Table

from common.files import write_whole
from experiments.dataset import real_frames, split
from experiments.device import device_of, moved, placed
from experiments.errors import UserError
from experiments.modes.rates import RatesSettings
from experiments.network import load_run
from experiments.progress import watched
from experiments.rates_chart import chart
from graph.graph import Node
from graph.lower import observe
from graph.ops import Firing


def site_rates(name: str, clips: int, device: torch.device) -> list[tuple[str, float, float]]:
    """(site, mean |count| per neuron and step, share of neurons silent) over frames of the test split."""
    run = load_run(name)
    module = placed(run.deployed, device)
    sites = [n for n, v in module.graph.nodes.items() if isinstance(v.op, Firing) and v.op.site is not None]
    if not sites:
        raise UserError(f"run '{name}' has no spiking site, expected a run of mode snn or convert")
    data = split(run.settings.data, "test")
    frames = real_frames(data)
    total = {s: 0.0 for s in sites}
    silent = {s: 0.0 for s in sites}
    size = {s: 0 for s in sites}

    def see(node: Node, inputs: tuple[torch.Tensor, ...], count: torch.Tensor) -> None:
        if node.name in total:
            total[node.name] += float(count.abs().sum())
            silent[node.name] += float((count == 0).sum())
            size[node.name] += count.numel()

    count = min(clips, len(data))
    for clip in watched(range(count), f"spikes of {run.folder.name}", count):
        batch = data.frame_batch(torch.full((frames,), clip), torch.arange(frames))
        observe(module, moved({k: batch[k] for k in ("image", "logmel")}, device), see)
    return [(s.removeprefix("sites."), total[s] / size[s], silent[s] / size[s]) for s in sites]


def rates(settings: RatesSettings) -> None:
    rows = site_rates(settings.run, settings.clips, device_of(settings.device))
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["site", "mean_count", "silent_share"])
    writer.writerows((s, f"{m:.6f}", f"{z:.6f}") for s, m, z in rows)
    path = Path(settings.out or Path(settings.run).parent) / f"{Path(settings.run).name}-rates.csv"
    picture = path.with_suffix(".png")
    write_whole(path, text.getvalue())
    write_whole(picture, chart(rows, f"spike counts of {settings.run}"))
    table = Table(title=f"spike counts of {settings.run}")
    for column in ("site", "mean count", "silent"):
        table.add_column(column, justify="left" if column == "site" else "right")
    for site, mean, zero in rows:
        table.add_row(site, f"{mean:.3f}", f"{zero:.1%}")
    Console().print(table)
    print(f"written to {path} and {picture}")
