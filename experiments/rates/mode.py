"""``--mode rates``: how much each site of a run fires; tables and pictures beside the run, which stays as it is."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import torch
from matplotlib.figure import Figure
from rich.console import Console
from rich.table import Table
from torch import Tensor

from avs.split import Split
from common.files import write_whole
from experiments.dataset import real_frames, split
from experiments.device import device_of, moved, placed
from experiments.modes.rates import RatesSettings
from experiments.network import Run, load_run
from experiments.progress import watched
from experiments.rates.collect import SiteCounts, collect, sites
from experiments.rates.figures import FIGURES
from experiments.rates.table import table, text

FORMATS = ("png", "svg")
DPI = 110


def clips_of(run: Run, data: Split, clips: int, device: torch.device) -> Iterator[dict[str, Tensor]]:
    """The first test clips, one a batch."""
    count, frames = min(clips, len(data)), real_frames(data)
    for clip in watched(range(count), f"spikes of {run.folder.name}", count):
        batch = data.frame_batch(torch.full((frames,), clip), torch.arange(frames))
        yield moved({k: batch[k] for k in ("image", "logmel")}, device)


def site_counts(run: Run, settings: RatesSettings) -> list[SiteCounts]:
    wanted = sites(run.deployed.graph, settings.rates.sites, run.name)
    data, device = split(run.settings.data, "test"), device_of(settings.device)
    clips = clips_of(run, data, settings.clips, device)
    return collect(placed(run.deployed, device), clips, wanted)


def picture(data: Split) -> Tensor:
    """[3, H, W] in 0..1: the middle frame of the first clip, as the network sees it."""
    middle = torch.tensor([real_frames(data) // 2])
    image = data.frame_batch(torch.zeros(1, dtype=torch.int64), middle)["image"][0]
    low, high = image.aminmax()
    return (image - low) / (high - low).clamp(min=1e-6)


def drawn(figure: Figure, form: str) -> bytes:
    content = io.BytesIO()
    figure.savefig(content, format=form, dpi=DPI)
    return content.getvalue()


def rates(settings: RatesSettings) -> None:
    run = load_run(settings.run)
    counted = site_counts(run, settings)
    frame = picture(split(run.settings.data, "test"))
    base = Path(settings.out or run.folder.parent) / f"{run.folder.name}-rates"
    paths = {base.with_suffix(".csv"): text(table(counted)).encode()}
    for name, draw in FIGURES.items():
        figure = draw(counted, f"spikes of {run.folder.name}", frame)
        for form in FORMATS if figure is not None else ():
            assert figure is not None
            paths[base.with_name(f"{base.name}{'-' if name else ''}{name}.{form}")] = drawn(figure, form)
    for path, content in paths.items():
        write_whole(path, content)
    Console().print(shown(counted, settings.run))
    print(f"written to {', '.join(str(p) for p in paths if p.suffix != '.svg')}, and the figures as .svg")


def shown(counted: list[SiteCounts], run: str) -> Table:
    rows = Table(title=f"spike counts of {run}")
    for column in ("site", "mean count", "silent", "saturated", "dead neurons"):
        rows.add_column(column, justify="left" if column == "site" else "right")
    for s in counted:
        rows.add_row(s.name, f"{s.mean:.3f}", f"{s.silent:.1%}", f"{s.saturated:.2%}", f"{s.dead:.1%}")
    return rows
