"""Energy against mIoU: what nobody beats, whose cost is which, and runs that the command line takes."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.cli.command import stated
from tools.pareto.document import document
from tools.pareto.figure import figure
from tools.pareto.front import MACHINES, cost_of, front
from tools.pareto.grid import SERIES, choices, points

Values = st.dictionaries(st.text("abcdef", min_size=1), st.tuples(st.integers(0, 6), st.integers(0, 6)), min_size=1)


@given(Values)
def test_what_is_on_the_front_is_beaten_by_nobody_and_what_is_not_is(values):
    best = front(values)
    for name, (cost, score) in values.items():
        beats = [n for n in values if values[n][0] <= cost and values[n][1] >= score and values[n] != (cost, score)]
        assert (name in best) is not bool(beats)
        assert name in best or any(n in best for n in beats), "by one of the front"
    assert [values[n] for n in best] == sorted(values[n] for n in best)


def row(uj: float, miou: float) -> dict:
    pair = {"qann": {"uj": [2 * uj, 3 * uj]}, "qann_events": {"uj": [2 * uj, uj]}, "int8": {"uj": [2 * uj, 9.0]}}
    return {
        "miou": miou,
        "energy_uj": {"int8_prices": uj},
        "saving": {"strict_compute": {"qann": 0.2, "int8": 0.9, "qann_events": -1.0}},
        "memory": {"perfect_reuse": pair, "event_core_32kB": pair},
    }


def test_whose_cost_is_which():
    compute = cost_of(row(4.0, 0.5), "")
    assert (compute.snn, compute.qann, compute.int8) == pytest.approx((4, 5, 40))
    assert cost_of(row(4.0, 0.5), "perfect_reuse").qann == 12
    assert cost_of(row(4.0, 0.5), "event_core_32kB").qann == 4, "there the quantised ANN is on an event core too"


def test_runs_start_from_the_same_two_and_can_be_stated():
    runs = points(Path("out"), 3, ["--data.train", "8"])
    assert list(runs)[:2] == ["ann", "control"] and len(runs) == 2 + len(choices())
    for name, choice in choices().items():
        assert [p.title for p in runs[name].after] == ["ann", "control"]
        settings = stated([*runs[name].arguments])
        assert (settings.neuron.levels, settings.neuron.steps) == (choice.levels, choice.steps)
        assert settings.train.rate_penalty == choice.penalty and settings.seed == 3 and settings.data.train == 8
        assert settings.distil.logits > 0, "or the teacher would not be followed, and be refused"
        assert settings.distil.teacher == str(runs["control"].run) and settings.source == str(runs["ann"].run)
    control = stated([*runs["control"].arguments])
    assert control.train.epochs == settings.train.epochs, "the ANN is trained on for as long"


def test_page_and_figure_show_every_choice():
    rows = {name: row(1.0 + k, 0.5 + 0.01 * k) for k, name in enumerate(choices())}
    page = document(rows, 0.9, "python -m tools.pareto")
    assert page.count("\n| ") == 1 + len(rows) and page.count("**") == 2 * len(rows) * len(MACHINES)
    worst = {**rows, next(iter(rows)): row(99.0, 0.1)}
    assert document(worst, 0.9, "x").count("**") == 2 * (len(rows) - 1) * len(MACHINES)
    assert figure(rows, 0.9).startswith(b"\x89PNG")


def test_every_series_varies_one_thing():
    for name, series in SERIES.items():
        apart = [len({getattr(choice, key) for choice in series}) > 1 for key in ("levels", "steps", "penalty")]
        assert sum(apart) == (2 if "D T" in name else 1)
