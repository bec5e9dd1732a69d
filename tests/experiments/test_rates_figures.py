"""What sites fire, counted by hand; figures in which every site is to be read, the first on top."""

from __future__ import annotations

import io

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from experiments.cli import main
from experiments.dataset import split
from experiments.energy_evidence import counts_of
from experiments.network import load_run
from experiments.rates.chart import COUNT, SILENT, chart
from experiments.rates.collect import SiteCounts
from experiments.rates.figures import FIGURES
from experiments.rates.mode import drawn


def site(name: str, n: torch.Tensor, levels: int = 4, signed: bool = False, axis: int = 0) -> SiteCounts:
    """``n`` [T, F, ...], one clip."""
    made = SiteCounts(
        name=name,
        levels=levels,
        signed=signed,
        steps=n.shape[0],
        frames=n.shape[1],
        shape=tuple(n.shape[2:]),
        axis=axis,
    )
    made.add(n.flatten(0, 1))
    return made


def counts(value: int, silent: float) -> torch.Tensor:
    """[1, 1, 100, 10, 10] of ``value``, but for a share of zeros."""
    n = torch.full((10_000,), float(value))
    n[: round(10_000 * silent)] = 0
    return n.reshape(1, 1, 100, 10, 10)


def pixels(picture: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(picture)).convert("RGB"))


def rows_of(picture: np.ndarray, colour: str) -> np.ndarray:
    """How many pixels of each row have this colour."""
    wanted = [int(colour[at : at + 2], 16) for at in (1, 3, 5)]
    return (picture == wanted).all(-1).sum(1)


def bars(lengths: np.ndarray) -> list[int]:
    """The longest row of each bar, from the top."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], lengths > 0, [0]])))
    return [int(lengths[a:b].max()) for a, b in edges.reshape(-1, 2)]


def test_bars_are_as_long_as_the_values_and_the_first_is_on_top():
    sites = [site(name, counts(v, s)) for name, v, s in (("a", 1, 0.2), ("b", 2, 0.4), ("c", 3, 0.9))]
    picture = pixels(drawn(chart(sites, "three"), "png"))
    lengths, silent = bars(rows_of(picture, COUNT)), bars(rows_of(picture, SILENT))
    assert np.array(lengths) / lengths[1] == pytest.approx([0.8 / 1.2, 1, 0.3 / 1.2], abs=0.02)
    assert np.array(silent) / silent[2] == pytest.approx([2 / 9, 4 / 9, 1], abs=0.02)


@pytest.mark.parametrize("name", FIGURES)
@pytest.mark.parametrize("count", [1, 70])
def test_every_figure_has_room_for_every_site(name, count):
    torch.manual_seed(0)
    sites = [site(f"stage.{i}.site", torch.randint(-2, 3, (1, 5, 3, 4, 4)).float(), 2, True) for i in range(count)]
    figure = FIGURES[name](sites, "many", torch.rand(3, 16, 16))
    picture = pixels(drawn(figure, "png"))
    assert picture.std() > 5 and b"<svg" in drawn(figure, "svg")
    if name in ("", "heat", "histogram"):
        assert picture.shape[0] > 18 * count
    for text in (t for axis in figure.axes for t in axis.get_yticklabels() if t.get_text().startswith("stage")):
        box = text.get_window_extent()
        assert box.x0 >= 0 and box.y0 >= 0


def test_the_table_of_a_run_is_a_count_made_by_hand(converted_run, tmp_path, capsys):
    """Against forward hooks on the run's own module, site by site."""
    words = ["--mode", "rates", "--run", str(converted_run), "--clips", "2", "--out", str(tmp_path)]
    assert main([*words, "--rates.sites", "head.*"]) == 0
    rows = pd.read_csv(tmp_path / "snn-rates.csv").set_index("site")
    run = load_run(str(converted_run))
    seen: dict[str, np.ndarray] = {}
    for name in rows.index:
        module = run.deployed.get_submodule(f"sites.{name}")
        module.register_forward_hook(lambda m, i, o, name=name: seen.__setitem__(name, o.detach().numpy()))
    data = split(run.settings.data, "test")
    batch = data.frame_batch(torch.arange(2).repeat_interleave(5), torch.arange(5).repeat(2))
    with torch.no_grad():
        run.deployed(image=batch["image"], logmel=batch["logmel"])
    assert len(rows) > 10 and not any(name.startswith("backbone") for name in rows.index)
    for name, n in seen.items():
        assert rows["mean_count"][name] == pytest.approx(np.abs(n).mean(), abs=1e-6), name
        assert rows["silent_share"][name] == pytest.approx((n == 0).mean(), abs=1e-6), name
        assert rows["dead_share"][name] == pytest.approx((n == 0).all(0).mean(), abs=1e-6), name
        assert rows["frame_1"][name] == pytest.approx(np.abs(n[[1, 6]]).mean(), abs=1e-6), name
    for figure in ("", "-heat", "-histogram", "-raster", "-maps"):
        for form in ("png", "svg"):
            assert (tmp_path / f"snn-rates{figure}.{form}").stat().st_size > 5_000


def test_a_pattern_that_fits_no_site_is_refused(converted_run, tmp_path, capsys):
    words = ["--mode", "rates", "--run", str(converted_run), "--out", str(tmp_path / "out")]
    assert main([*words, "--rates.sites", "heda.*"]) == 2
    said = capsys.readouterr().err
    assert "rates.sites is 'heda.*', which fits none of the" in said and "nearest: 'head." in said
    assert not (tmp_path / "out").exists()


def test_rates_go_to_tensorboard_when_asked(small):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    folder = small("snn", "logged", "--train.log_rates", "true", "--train.log_every", "2")
    events = EventAccumulator(str(folder))
    events.Reload()
    tags = [tag for tag in events.Tags()["scalars"] if tag.startswith("rates/")]
    graph = load_run(str(folder)).module.graph
    assert len(tags) == sum(getattr(n.op, "site", None) is not None for n in graph.nodes.values())
    assert [e.step for e in events.Scalars(tags[0])] == [2, 4, 5]
    assert all(0 <= e.value <= 4 for tag in tags for e in events.Scalars(tag))


def test_the_energy_page_keeps_means_and_no_counts(converted_run):
    """Of a large network, the counts of one clip are gigabytes."""
    run = load_run(str(converted_run))
    counted = counts_of(run, split(run.settings.data, "test"))
    assert len(counted) > 10 and all(site.first is None and site.maps() is None for site in counted)
    assert all(0 <= site.mean <= site.levels and site.clips for site in counted)
