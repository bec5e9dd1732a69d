"""ANN -> convert -> energy -> rates, end to end, on few clips: files, formats, claims made and not made."""

from __future__ import annotations

import csv
import json

import pandas as pd
import pytest
import torch

from convert.calibrate import PERCENTILES
from convert.levels import sites_of
from experiments.cli import main
from experiments.config_file import load
from experiments.network import load_run
from experiments.run_folder import read_json
from tests.experiments.conftest import ROOT

COMMON = {
    "mode", "model", "dataset", "split", "clips", "seed", "miou", "fscore", "miou_other_audio", "miou_swap_audio",
    "parameters", "train_seconds", "train_memory_mb", "steps", "levels", "neuron", "spike_fed_share",
}  # fmt: skip


def test_ann_run_leaves_what_the_design_says(ann_run):
    metrics = read_json(ann_run / "metrics.json")
    assert metrics.keys() >= COMMON
    assert (metrics["mode"], metrics["neuron"], metrics["spike_fed_share"]) == ("ann", "none", 0.0)
    assert 0 <= metrics["miou"] <= 1
    assert 0 < metrics["miou_int8"] <= 1 and abs(metrics["miou_int8"] - metrics["miou"]) < 0.05
    assert len(metrics["miou_per_clip"]) == metrics["clips"] == 30
    for name in ("config.yaml", "graph.json", "model.safetensors", "state.pt", "log.csv"):
        assert (ann_run / name).stat().st_size > 0
    assert list(ann_run.glob("events.out.tfevents*"))
    assert load((ann_run / "config.yaml").read_text()).mode == "ann"


def test_conversion_is_exact_and_says_how_it_knows(converted_run):
    metrics = read_json(converted_run / "metrics.json")
    assert metrics.keys() >= COMMON | {"exact", "max_abs_difference", "curve"}
    assert metrics["exact"] is True
    assert metrics["max_abs_difference"] == 0.0
    assert metrics["event_runner"]["frames"] == 3
    assert metrics["event_runner"]["deletion_changes"] and metrics["event_runner"]["permutation_keeps"]
    assert [c["steps"] for c in metrics["curve"]] == [1, 2]
    assert metrics["spike_fed_share"] >= 0.97
    assert metrics["weight_bits"] == 8
    kept = metrics["kept"]
    assert kept["folded"] >= 0.999 and 0 < kept["narrowed"] < 1 and 0 < kept["grid"] < 1
    assert kept["lost"] == pytest.approx(metrics["miou_trained"] - metrics["miou"])


def test_a_reloaded_run_computes_what_was_scored(converted_run):
    """Rebuilt from graph.json and safetensors alone, twice, the same logits; the deployed network is on the grid."""
    a, b = load_run(str(converted_run)), load_run(str(converted_run))
    batch = {"image": torch.randn(2, 3, 64, 64), "logmel": torch.randn(2, 1, 96, 64)}
    with torch.no_grad():
        assert torch.equal(a.deployed(**batch)["mask"], b.deployed(**batch)["mask"])
    weight = a.deployed.get_submodule("head.fc.0").weight * 2.0**12
    assert torch.equal(weight, weight.round())


def test_off_the_grid_nothing_is_called_exact(small, ann_run):
    folder = small(
        "convert", "lif", "--from", str(ann_run), "--neuron.kind", "if", "--neuron.levels", "1", "--neuron.steps", "2",
        "--train.epochs", "0", "--curve", "1",
    )  # fmt: skip
    metrics = read_json(folder / "metrics.json")
    assert metrics["exact"] is False
    assert "several steps" in metrics["why_not_exact"]


@pytest.fixture(scope="module")
def energy_rows(ann_run, converted_run, tmp_path_factory):
    out = tmp_path_factory.mktemp("energy")
    before = {p: p.read_bytes() for run in (ann_run, converted_run) for p in run.rglob("*") if p.is_file()}
    runs = ["--runs", str(ann_run), str(converted_run)]
    assert main(["--mode", "energy", *runs, "--clips", "3", "--out", str(out)]) == 0
    assert all(p.read_bytes() == content for p, content in before.items()), "a run was changed"
    for suffix in ("csv", "md", "html", "png"):
        assert (out / f"energy.{suffix}").stat().st_size > 0
    return json.loads((out / "energy.json").read_text())


def test_energy_report_has_every_named_saving(energy_rows):
    ann, snn = energy_rows
    assert snn.keys() >= {"run", "miou", "delta_miou", "macs", "acs", "neuron_updates", "spike_fed_share", "coverage"}
    assert snn.keys() >= {"energy_uj", "saving"}
    assert snn["coverage"] == 1.0
    for measure in ("strict_compute", "strict_memory"):
        assert set(snn["saving"][measure]) >= {"dense_fp32", "zeroskip_fp32", "int8", "zeroskip_int8", "qann"}
    assert snn["saving"]["strict"] == snn["saving"]["strict_compute"]["dense_fp32"]
    assert ann["saving"]["strict"] == 0
    assert snn["delta_miou"] == pytest.approx(snn["miou"] - ann["miou"])


def test_the_front_end_and_the_input_layers_are_charged_to_both(energy_rows):
    """No network can save what both must compute: the strict saving stays below the share outside the front end."""
    ann, snn = energy_rows
    assert snn["energy_uj"]["strict"] > 2.5  # the log-mel alone
    assert ann["macs"] == pytest.approx(snn["macs"])


def test_events_of_the_accountant_are_those_of_the_runner(converted_run):
    """Weight additions of three validation frames: the event runner's integers and the accountant's."""
    from energy.account import account
    from experiments.dataset import split
    from experiments.frames import first_frames

    run = load_run(str(converted_run))
    frames = first_frames(split(run.settings.data, "val"), 3)
    counted = account(run.deployed, [frames], frames=1)
    runner = read_json(converted_run / "metrics.json")["event_runner"]["adds"]
    assert [int(v) for v in counted.totals.ac_w] == runner


def test_rates_lists_every_site(converted_run, tmp_path, capsys):
    assert main(["--mode", "rates", "--run", str(converted_run), "--clips", "1", "--out", str(tmp_path)]) == 0
    with (tmp_path / "snn-rates.csv").open() as file:
        rows = list(csv.DictReader(file))
    nodes = load_run(str(converted_run)).deployed.graph.nodes.values()
    assert len(rows) == sum(getattr(n.op, "site", None) is not None for n in nodes)
    assert all(0 <= float(r["silent_share"]) <= 1 for r in rows)
    assert (tmp_path / "snn-rates.png").read_bytes().startswith(b"\x89PNG")
    said = capsys.readouterr().out
    assert "spikes of snn  1/1 (100 %)" in said and f"{tmp_path / 'snn-rates.png'}" in said


def test_a_run_says_where_its_time_went(ann_run):
    with (ann_run / "times.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert {"wait for data", "forward and loss", "backward", "clip and update"} <= {row["what"] for row in rows}
    assert sum(float(row["share"]) for row in rows) == pytest.approx(1, abs=0.001)
    assert sum(float(row["seconds"]) for row in rows) <= read_json(ann_run / "metrics.json")["train_seconds"] + 0.1
    assert read_json(ann_run / "metrics.json")["train_memory_mb"] > 100


def test_a_spiking_run_is_trained_on_from(small, ann_run, converted_run, tmp_path, capsys):
    """``--init``: its weights and steps, nothing is calibrated; anything else is refused before a folder is made."""
    options = ["--from", str(ann_run), "--exact.frames", "1", "--curve", "1"]
    again = small("convert", "again", *options, "--init", str(converted_run), "--train.lr", "1e-12")
    before, after = (load_run(str(run)).module.state_dict() for run in (converted_run, again))
    steps = [name for name in before if name.endswith("step")]
    assert steps and all(torch.equal(before[name], after[name]) for name in steps)
    words = ["--mode", "convert", "--config", str(ROOT / "configs" / "demo_convert.yaml"), *options]
    for init, sentence in ((ann_run, "is a run of mode 'ann'"), (tmp_path / "none", "config.yaml")):
        assert main([*words, "--init", str(init), "--run", str(tmp_path / "new")]) == 2
        assert sentence in capsys.readouterr().err and not (tmp_path / "new").exists()


def test_a_percentile_of_zero_is_looked_for(small, ann_run, capsys):
    options = ("--exact.frames", "0", "--curve", "1", "--train.epochs", "0", "--calibrate.frames", "8")
    run = small("convert", "best", "--from", str(ann_run), "--calibrate.percentile", "0", *options)
    assert read_json(run / "metrics.json")["why_not_exact"].startswith("exact.frames is 0")
    said = capsys.readouterr().out
    best = float(said.split("calibrate.percentile 0: ")[1].split()[0])
    assert best in PERCENTILES


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_levels_are_searched_and_the_run_is_what_is_left(small, ann_run, capsys):
    """Almost all may be lost: then sites are halved, and what is saved, deployed and priced is that network."""
    options = ("--exact.frames", "1", "--curve", "1", "--calibrate.frames", "4", "--search.loss", "0.9")
    run = small("convert", "fewer", "--from", str(ann_run), *options, "--search.clips", "2")
    said, found = capsys.readouterr().out, read_json(run / "metrics.json")["search"]
    assert "search.loss: " in said and len((run / "levels.csv").read_text().splitlines()) == 1 + len(found["front"]) > 2
    assert found["front"][-1]["adds"] < found["front"][0]["adds"] and found["clips"] == 2
    network = load_run(str(run))
    for of in (network.module, network.deployed):
        levels = {name: site.levels for name, site in sites_of(of.graph).items()}
        assert levels.items() <= found["levels"].items() and min(levels.values()) < 4


def test_levels_by_name(small, ann_run):
    options = ("--exact.frames", "0", "--curve", "1", "--calibrate.frames", "4", "--train.epochs", "0")
    run = small("convert", "named", "--from", str(ann_run), *options, "--spikes.levels", "head=2", "head.fc=8")
    for name, site in sites_of(load_run(str(run)).module.graph).items():
        value = name.removeprefix("sites.")
        assert site.levels == (8 if value.startswith("head.fc.") else 2 if value.startswith("head.") else 4)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("hea=2", "spikes.levels is 'hea', expected one of"),
        ("head=0", "spikes.levels: found 'head=0', expected a site's name and a number, such as head=2"),
        ("head=2 --neuron.kind lif --neuron.levels 1", "spikes.levels is given and neuron.kind is 'lif', binary"),
    ],
)
def test_levels_that_cannot_be(words, sentence, ann_run, tmp_path, capsys):
    given = ["--mode", "convert", "--from", str(ann_run), "--run", str(tmp_path / "x"), "--spikes.levels"]
    assert main([*given, *words.split()]) == 2
    assert sentence in capsys.readouterr().err and not (tmp_path / "x").exists()


def test_conversion_reports_every_layer(converted_run):
    table = pd.read_csv(converted_run / "layers.csv")
    assert list(table.columns[:3]) == ["layer", "kind", "relative_distance"]
    assert {"mean_count", "dead_share", "saturated_share"} <= set(table.columns)
    assert (table["kind"] == "site").sum() > 50 and (converted_run / "layers.png").stat().st_size > 5000


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_signed_events_are_equal_once_settled(small, ann_run):
    options = ("--exact.frames", "1", "--exact.settle", "1", "--curve", "1", "--train.epochs", "0")
    run = small("convert", "signed", "--from", str(ann_run), *options)
    found = read_json(run / "metrics.json")["settled"]
    assert found["exact"] and not found["refused"] and 4 <= found["steps"][0] <= found["bound"]
    assert found["adds"] >= 1 and 0 <= found["corrections"] < 1
