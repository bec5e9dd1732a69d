"""Ablations: arms and pairs as they were asked for, statistics by hand, words that do not say more than was shown."""

from __future__ import annotations

import math
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.ablation.figure import figure
from experiments.ablation.plan import CONFIGS, plan
from experiments.ablation.statistics import Difference, paired, spread, verdict
from experiments.ablation.tables import arms_table
from experiments.cli import main
from experiments.cli.command import stated
from experiments.run_folder import read_json

FILES = sorted((CONFIGS / "ablations").glob("*.yaml"))
scores = st.lists(st.floats(0, 1), min_size=2, max_size=6)


def settings(*more: str, file: str = "neuron"):
    return stated(["--mode", "ablate", "--config", str(CONFIGS / "ablations" / f"{file}.yaml"), "--out", "o", *more])


@pytest.mark.parametrize("file", FILES, ids=lambda p: p.stem)
def test_every_ablation_that_ships_can_be_run(file, tmp_path):
    """Every key and value of every point, at both sizes; and the file says what it costs."""
    words = ["--mode", "ablate", "--config", str(file), "--out", str(tmp_path)]
    whole, smoke = (plan(stated([*words, *more])) for more in ([], ["--smoke", "true"]))
    assert len(whole.seeds) >= 3 and len(smoke.seeds) == 2 and len(whole.arms) >= 2
    text = file.read_text()
    assert text.startswith(f"# Command:  python main.py --mode ablate --config configs/ablations/{file.name} --out ")
    assert "\n# Cost: " in text and "\n# Expected: " in text and whole.reference in whole.arms


def test_all_arms_of_a_seed_start_from_the_same_run():
    planned = plan(settings())
    for (label, seed), point in planned.runs.items():
        (first,) = point.after
        assert first.run == Path("o") / f"first-{seed}" and f"--seed {seed} --from o/first-{seed}" in point.shown, label
        assert first.arguments[-2:] == ("--seed", str(seed)) and "--data.test 100" in first.shown
    assert len(planned.points) == 3 + 12 and len({p.run for p in planned.points}) == 15


def test_an_arm_may_start_from_nothing():
    planned = plan(settings(file="initialisation"))
    fresh, taken = planned.runs["nothing", 1], planned.runs["the ANN", 1]
    assert fresh.after == () and "first" not in fresh.shown
    assert "--init o/first-1" in taken.shown and "start" not in taken.shown


def test_variants_and_axes_are_crossed():
    planned = plan(settings("--grid", "train.lr=0.01,0.02", "--variants", "a: neuron.tau=3", "b: neuron.tau=4"))
    assert [arm.label for arm in planned.arms] == ["a, lr 0.01", "a, lr 0.02", "b, lr 0.01", "b, lr 0.02"]
    assert "--neuron.tau 4 --train.lr 0.01" in planned.runs["b, lr 0.01", 0].shown


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--grid", "neuron.levles=1,2"), "--neuron.levles is no option of mode convert"),
        (("--grid", "neuron.surrogate=atan,tanh"), "neuron.surrogate is 'tanh', expected one of"),
        (("--grid", "neuron.levels"), "found 'neuron.levels', expected key=value"),
        (("--variants", "no colon"), "expected 'label: key=value key=value'"),
        (("--variants", "a: train.lr=1", "a: train.lr=2"), "two arms of the ablation have the label 'a'"),
        (("--variants", "only: train.lr=1"), "has 1 arm, expected at least two"),
        (("--reference", "I-LIF"), "reference is 'I-LIF', expected one of"),
        (("--first", "demo_an.yaml"), "nearest: 'demo_ann.yaml'"),
        (("--seeds", "1", "1"), "expected one or more, each once"),
        (("--variants", "a: start=later", "b: start=first"), "nearest: "),
    ],
)
def test_what_is_wrong_is_said_before_anything_is_written(tmp_path, capsys, words, said):
    out = tmp_path / "out"
    config = str(CONFIGS / "ablations" / "neuron.yaml")
    assert main(["--mode", "ablate", "--config", config, "--out", str(out), *words]) == 2
    error = capsys.readouterr().err
    assert said in error and error.count("\n") == 1 and not out.exists()


def test_a_paired_interval_by_hand():
    d = paired([0.5, 0.7, 0.9], [0.4, 0.5, 0.6])  # differences 0.1, 0.2, 0.3
    assert d.mean == pytest.approx(0.2) and d.half == pytest.approx(4.302653 * 0.1 / math.sqrt(3), rel=1e-6)
    assert not d.shown and paired([0.51, 0.7, 0.9], [0.31, 0.5, 0.7]).shown
    assert spread([0.1, 0.2, 0.3]) == pytest.approx(0.1) and spread([0.4]) == 0
    assert paired([0.9], [0.1]).half == math.inf and not paired([0.9], [0.1]).shown
    with pytest.raises(ValueError, match="the same seeds, found 2 and 1"):
        paired([1, 2], [1])


@given(scores, st.floats(-1, 1), st.floats(0.1, 10))
def test_only_differences_within_a_pair_count(values, shift, unit):
    """The same change of both sides changes nothing; swapped sides turn the sign; the unit scales."""
    other = [v * 0.5 + 0.1 * (i % 2) for i, v in enumerate(values)]
    d = paired(values, other)
    moved = paired([v + shift for v in values], [v + shift for v in other])
    assert moved.mean == pytest.approx(d.mean, abs=1e-9) and moved.half == pytest.approx(d.half, abs=1e-9)
    assert paired(other, values).mean == pytest.approx(-d.mean, abs=1e-12)
    assert paired([v * unit for v in values], [v * unit for v in other]).half == pytest.approx(d.half * unit, abs=1e-9)


def test_the_verdict_says_no_more_than_was_shown():
    better = Difference(mean=0.05, half=0.01, seeds=3)
    equal = Difference(mean=0.05, half=0.05, seeds=3)
    worse = Difference(mean=-0.05, half=0.04999, seeds=3)
    assert verdict({"A": better, "B": equal, "C": worse}, "R", "miou_val") == (
        "miou_val, 3 paired seeds, 95 % intervals: A is better than R by 0.0500 [0.0400, 0.0600]; C is worse than R by "
        "0.0500 [0.0000, 0.1000]; no difference shown between R and B."
    )
    assert "1 paired seed, " in verdict({"A": paired([0.9], [0.1])}, "R", "miou_val")


def test_the_tables_hold_what_the_runs_left():
    rows = [("R", 0, 0.4), ("R", 1, 0.5), ("A", 0, 0.5), ("A", 1, 0.6)]
    table = pd.DataFrame([{"arm": a, "seed": s, "miou_val": v, "miou": v, "train_seconds": 1} for a, s, v in rows])
    table["arm"] = pd.Categorical(table["arm"], ["R", "A"])
    told = {"A": paired([0.5, 0.6], [0.4, 0.5])}
    arms = arms_table(table, told, "miou_val")
    assert list(arms["miou_val"]) == ["0.4500", "0.5500"] and list(arms["paired difference"]) == [
        "reference",
        "+0.1000",
    ]
    assert list(arms[""]) == ["", "better"] and list(arms["spread"]) == ["0.0707", "0.0707"]
    assert figure(table, told, "R", "miou_val", "Which?").startswith(b"\x89PNG")


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("file", ["information_level", "reset"])
def test_an_ablation_runs_to_its_end_and_is_taken_up_again(file, tmp_path, capsys):
    out = tmp_path / "out"
    words = ["--mode", "ablate", "--config", str(CONFIGS / "ablations" / f"{file}.yaml"), "--out", str(out)]
    words += ["--smoke", "true"]
    assert main(words) == 0
    assert "2 paired seeds" in " ".join(capsys.readouterr().out.split())
    table = pd.read_csv(out / "ablation.csv")
    planned = plan(stated(words))
    assert len(table) == len(planned.runs) and "says only that it runs" in (out / "ablation.md").read_text()
    for row in table.itertuples():
        metrics = read_json(out / row.run / "metrics.json")
        assert metrics["miou"] == pytest.approx(row.miou) and metrics["seed"] == row.seed
    assert (out / "ablation.png").stat().st_size > 10_000

    # One run is lost: it alone is made again, and the table is the same.
    lost, kept = out / table["run"][0], out / table["run"][1]
    before = (kept / "metrics.json").stat().st_mtime_ns
    for path in sorted(lost.rglob("*"), reverse=True):
        path.unlink() if path.is_file() else path.rmdir()
    lost.rmdir()
    assert main([*words, "--resume", "true"]) == 0
    assert before == (kept / "metrics.json").stat().st_mtime_ns
    again = pd.read_csv(out / "ablation.csv").drop(columns="train_seconds")
    pd.testing.assert_frame_equal(again, table.drop(columns="train_seconds"))
