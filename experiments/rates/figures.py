"""Heat map, histogram, raster and maps of what sites fire; ``FIGURES`` by name. Each is a matplotlib figure."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from torch import Tensor

from experiments.rates.chart import HEAD, ROW, chart
from experiments.rates.collect import SiteCounts

RASTER_SITES, RASTER_NEURONS = 6, 24
MAP_SITES = 6
SEQUENTIAL, DIVERGING = "viridis", "PuOr"


def _labelled(axis: object, sites: Sequence[SiteCounts]) -> None:
    axis.set_yticks(range(len(sites)), [s.name for s in sites], fontsize=7)  # type: ignore[attr-defined]


def heat(sites: Sequence[SiteCounts], title: str, frame: Tensor) -> Figure:
    """Site x step; where there is but one step, site x frame of a clip."""
    stepped = sites[0].steps > 1
    means = np.array([(s.step_means if stepped else s.frame_means).numpy() for s in sites])
    figure = Figure(figsize=(5.5 + 0.35 * means.shape[1], HEAD + ROW * len(sites)), layout="constrained")
    figure.suptitle(f"{title}: mean count by {'step' if stepped else 'frame of a clip'}", fontsize=10)
    axis = figure.subplots()
    least = means[means > 0].min(initial=1.0)
    image = axis.imshow(
        np.maximum(means, least), aspect="auto", cmap=SEQUENTIAL, norm=LogNorm(least, max(means.max(), 2 * least))
    )
    axis.set_xticks(range(means.shape[1]), [str(i + 1) for i in range(means.shape[1])], fontsize=8)
    axis.set_xlabel("step" if stepped else "frame of a clip (mean over clips)", fontsize=8)
    _labelled(axis, sites)
    bar = figure.colorbar(image, ax=axis, shrink=0.8)
    bar.set_label("mean count of a neuron in a step (logarithmic)", fontsize=8)
    return figure


def histogram(sites: Sequence[SiteCounts], title: str, frame: Tensor) -> Figure:
    """The share of every count, a row a site."""
    levels = max(s.levels for s in sites)
    shares = np.full((len(sites), 2 * levels + 1), np.nan)
    for row, s in zip(shares, sites, strict=True):
        share = (s.histogram / s.fired).numpy()
        start = 0 if s.signed else s.levels
        row[levels - s.levels + start : levels + s.levels + 1] = share[start:]
    figure = Figure(figsize=(5.5 + 0.5 * shares.shape[1], HEAD + ROW * len(sites)), layout="constrained")
    figure.suptitle(f"{title}: how often each count is fired", fontsize=10)
    axis = figure.subplots()
    shown = np.where(np.isnan(shares), np.nan, np.maximum(shares, 1e-6))
    image = axis.imshow(shown, aspect="auto", cmap=SEQUENTIAL, norm=LogNorm(1e-6, 1))
    axis.set_facecolor("#dddddd")  # an unsigned site has no counts there
    axis.set_xticks(range(shares.shape[1]), [str(n) for n in range(-levels, levels + 1)], fontsize=8)
    axis.set_xlabel("count (grey: the site is unsigned)", fontsize=8)
    _labelled(axis, sites)
    for at, row in enumerate(shares) if len(sites) <= 90 else ():
        for place, value in enumerate(row):
            if value >= 0.0005:
                colour = "white" if value < 0.02 else "black"
                axis.text(place, at, f"{value:.1%}", ha="center", va="center", fontsize=5.5, color=colour)
    figure.colorbar(image, ax=axis, shrink=0.8).set_label("share of counts (logarithmic)", fontsize=8)
    return figure


def spread_out(sites: Sequence[SiteCounts], count: int) -> list[SiteCounts]:
    """``count`` of them, evenly from first to last."""
    picks = np.unique(np.linspace(0, len(sites) - 1, min(count, len(sites))).round().astype(int))
    return [sites[i] for i in picks]


def raster_rows(site: SiteCounts, neurons: int) -> Tensor:
    """[neurons, F T]: counts of the first clip, frame by frame and in each step by step, of neurons that stand evenly
    among those that fire in it."""
    assert site.first is not None
    rows = site.first.flatten(2).permute(2, 1, 0).flatten(1)  # [N, F T]
    firing = (rows != 0).any(1).nonzero().flatten()
    chosen = firing if len(firing) else torch.arange(len(rows))
    picks = torch.linspace(0, len(chosen) - 1, min(neurons, len(chosen))).round().long()
    return rows[chosen[picks]]


def raster(sites: Sequence[SiteCounts], title: str, frame: Tensor) -> Figure:
    """A row a neuron, a column a step of a frame; the count is the colour."""
    shown = spread_out(sites, RASTER_SITES)
    figure = Figure(figsize=(11, HEAD + 1.7 * len(shown)), layout="constrained")
    figure.suptitle(f"{title}: up to {RASTER_NEURONS} neurons of a site over the first clip", fontsize=10)
    for axis, site in zip(figure.subplots(len(shown), 1, squeeze=False).flat, shown, strict=True):
        rows = raster_rows(site, RASTER_NEURONS)
        ends = (-site.levels, site.levels) if site.signed else (0, site.levels)
        image = axis.imshow(
            rows.numpy(),
            aspect="auto",
            interpolation="nearest",
            cmap=DIVERGING if site.signed else "Greys",
            vmin=ends[0],
            vmax=ends[1],
        )
        for edge in range(1, site.frames):
            axis.axvline(edge * site.steps - 0.5, color="#0072b2", linewidth=0.8)
        axis.set_title(site.name, fontsize=8, loc="left")
        middle = [f * site.steps + (site.steps - 1) / 2 for f in range(site.frames)]
        axis.set_xticks(middle, [f"frame {f + 1}" for f in range(site.frames)], fontsize=7)
        axis.set_yticks([])
        axis.set_ylabel(f"{len(rows)} neurons", fontsize=7)
        figure.colorbar(image, ax=axis, ticks=range(ends[0], ends[1] + 1)).ax.tick_params(labelsize=6)
    return figure


def maps(sites: Sequence[SiteCounts], title: str, frame: Tensor) -> Figure | None:
    """Where in the picture a site fires: mean count over channels and steps, laid over the first clip's middle frame.
    None where no site stands in the picture."""
    placed = [s for s in sites if (m := s.maps()) is not None and m.shape[1] > 1 and "audio" not in s.name]
    if not placed:
        return None
    shown = spread_out(placed, MAP_SITES)
    figure = Figure(figsize=(2.4 * (len(shown) + 1), 3.0), layout="constrained")
    figure.suptitle(f"{title}: where sites fire, in one frame", fontsize=10)
    axes = figure.subplots(1, len(shown) + 1)
    picture = frame.permute(1, 2, 0).numpy()
    height, width = picture.shape[:2]
    axes[0].imshow(picture)
    axes[0].set_title("frame", fontsize=7)
    for axis, site in zip(axes[1:], shown, strict=True):
        values = site.maps()
        assert values is not None
        axis.imshow(picture.mean(2), cmap="gray", extent=(0, width, height, 0))
        image = axis.imshow(values[len(values) // 2].numpy(), cmap="inferno", alpha=0.7, extent=(0, width, height, 0))
        axis.set_title("\n".join(_wrapped(site.name)), fontsize=6)
        figure.colorbar(image, ax=axis, orientation="horizontal", shrink=0.9).ax.tick_params(labelsize=6)
    for axis in axes:
        axis.set_axis_off()
    return figure


def _wrapped(name: str, width: int = 26) -> list[str]:
    lines = [""]
    for part in name.split("."):
        piece = part if not lines[-1] else f".{part}"
        lines = [*lines[:-1], lines[-1] + piece] if len(lines[-1] + piece) <= width else [*lines, piece]
    return lines


def bars(sites: Sequence[SiteCounts], title: str, frame: Tensor) -> Figure:
    return chart(sites, f"{title}: how much sites fire")


Draw = Callable[[Sequence[SiteCounts], str, Tensor], Figure | None]
FIGURES: dict[str, Draw] = {"": bars, "heat": heat, "histogram": histogram, "raster": raster, "maps": maps}
