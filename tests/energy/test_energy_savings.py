"""Prices and savings on numbers worked out by hand, and the files of a report."""

from __future__ import annotations

import csv
import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from energy.account import Account, Row
from energy.baselines import qann, zeroskip
from energy.break_even import break_even
from energy.columns import ARITHMETIC, Counts
from energy.costs import Machine, pair_pj
from energy.figure import LONGEST, png, short
from energy.hardware import PLACES, profile, profiles
from energy.memory import MODELS
from energy.report import compare, layer_table, write
from energy.savings import (
    BASELINES,
    pairs,
    paper_exact_pj,
    paper_pj,
    pricings,
    savings,
)
from energy.verdict import sentence


def one(name: str, *rows: Row, steps: int = 1) -> Account:
    rows = tuple(replace(r, counts=r.counts.per_sample(1)) for r in rows)
    return Account(name=name, rows=rows, samples=1, steps=steps, spike_fed_share=0.5, coverage=1.0)


STEM = Row(
    name="stem",
    op="Conv",
    reads="real",
    multiplies=True,
    counts=Counts(fmac=100, macs=100, nonzero_macs=90, elements=10, skip_tests=10, weight_B=40),
)
DENSE = Row(
    name="conv",
    op="Conv",
    reads="real",
    multiplies=True,
    counts=Counts(fmac=1000, macs=1000, nonzero_macs=400, elements=50, skip_tests=50, weight_B=400, act_B=400),
)
RELU = Row(name="relu", op="Act", reads="real", counts=Counts(cmp=50))
FIRED = Row(
    name="conv",
    op="Conv",
    reads="spike(4)",
    multiplies=True,
    spiking=True,
    levels=4,
    counts=Counts(
        ac_w=480,
        graded=300,
        decoded_macs=300,
        shift_add=350,
        macs=1000,
        nonzero_macs=300,
        events=25,
        elements=50,
        skip_tests=50,
        weight_B=400,
        act_B=50,
        spike_B=50,
    ),
)
SITE = Row(name="sites.conv", op="Act", reads="real", counts=Counts(cmp=200, neuron_updates=50, spike_msgs=25))

ANN = one("ann", STEM, DENSE, RELU)
SNN = one("snn", STEM, SITE, FIRED)


def test_paper_is_rate_times_dense_macs() -> None:
    assert paper_pj(ANN) == pytest.approx(1100 * 4.6)
    assert paper_pj(SNN) == pytest.approx(100 * 4.6 + 0.5 * 1000 * 0.9)
    assert paper_exact_pj(SNN) == pytest.approx(100 * 4.6 + 480 * 0.9)


def test_strict_compute_has_every_column() -> None:
    assert pair_pj("dense_fp32", ANN, SNN) == pytest.approx((100 * 4.6 + 200 * 0.9 + 480 * 0.9, 1100 * 4.6 + 50 * 0.9))
    assert pair_pj("zeroskip_fp32", ANN, SNN)[1] == pytest.approx(490 * 4.6 + 60 * 0.9 + 50 * 0.9)
    assert pair_pj("int8", ANN, SNN) == pytest.approx((100 * 0.3 + 680 * 0.1, 1100 * 0.3 + 50 * 0.1))
    narrow = 0.1 + 0.025 * 3  # counts 0..4 are 3 bits
    expected = 90 * 0.3 + 10 * 0.1 + 50 * (0.2 + 2 * 0.1) + 300 * narrow + 50 * 0.1
    assert pair_pj("qann", ANN, SNN)[1] == pytest.approx(expected)


def test_strict_memory_adds_the_bytes() -> None:
    compute, memory = pair_pj("dense_fp32", ANN, SNN), pair_pj("dense_fp32", ANN, SNN, memory="perfect_reuse")
    assert memory[0] - compute[0] == pytest.approx(12.5 * (40 + 400 + 50))
    assert memory[1] - compute[1] == pytest.approx(12.5 * (40 + 400 + 400))
    compute, memory = pair_pj("int8", ANN, SNN), pair_pj("int8", ANN, SNN, memory="perfect_reuse")
    assert memory[0] - compute[0] == pytest.approx(12.5 * (110 + 50))  # a bitmap of spikes does not shrink
    assert memory[1] - compute[1] == pytest.approx(12.5 * (110 + 100))


def test_savings_by_name() -> None:
    found = savings(ANN, SNN)
    strict = 1 - (460 + 180 + 432) / (5060 + 45)
    assert found["strict"] == found["strict_compute"]["dense_fp32"] == pytest.approx(strict)  # type: ignore[index]
    assert found["paper"] == pytest.approx(1 - 910 / 5060)
    assert list(found) == ["strict", "paper", "paper_exact", "strict_compute", "strict_memory"]
    assert list(found["strict_compute"]) == list(found["strict_memory"]) == list(BASELINES)  # type: ignore[call-overload]


def test_published_saving_is_the_price_ratio() -> None:
    """One spike per input and no real layer: 1 - 0.9/4.6 = 80.4 %, whatever the network."""
    fired = replace(FIRED, counts=replace(FIRED.counts, events=50))
    assert savings(one("a", DENSE), one("s", fired))["paper"] == pytest.approx(1 - 0.9 / 4.6)


def test_qann_runs_once_at_more_bits() -> None:
    fired = replace(
        FIRED,
        steps=4,
        horizon=4,
        levels=1,
        counts=replace(FIRED.counts, decoded_macs=200, fadd=40).per_sample(1),
    )
    once = qann(fired)
    assert (once.steps, once.imac_bits) == (1, 3)
    assert once.counts.imac == 200 and once.counts.ac_w == 0 and once.counts.fadd == 10
    assert once.counts.weight_B == 400
    site = qann(
        replace(
            SITE,
            steps=4,
            counts=Counts(neuron_updates=200, cmp=200, fadd=400, mul=200, state_B=1600).per_sample(1),
        )
    )
    assert (site.counts.mul, site.counts.cmp, site.counts.fadd, site.counts.state_B) == (50, 100, 0, 0)
    assert qann(replace(SITE, signed=True)).name == "sites.conv"


def test_zeroskip_leaves_spikes_alone() -> None:
    assert zeroskip(FIRED) is FIRED and zeroskip(RELU) is RELU


def test_three_pricings() -> None:
    rest = 100 * 4.6 + 200 * 0.9
    found = pricings(SNN)
    expected = {"unary": rest + 480 * 0.9, "graded": rest + 300 * 4.6, "shift_add": rest + 350 * 0.9}
    assert found == {k: pytest.approx(v * 1e-6) for k, v in expected.items()}


def test_break_even() -> None:
    ours = Machine(prices=profile("fp32_45nm"))
    assert break_even(FIRED, 1000 * 4.6, ours) == pytest.approx(4.6 / 0.9 * 1000 * 0.5 / 480)
    biased = replace(FIRED, counts=replace(FIRED.counts, fadd=100))
    assert break_even(biased, 1000 * 4.6 + 90, ours) == pytest.approx(4.6 / 0.9 * 1000 * 0.5 / 480)
    assert break_even(replace(FIRED, counts=Counts(macs=9)), 9 * 4.6, ours) is None


def test_a_loss_stands_in_the_same_sentence() -> None:
    busy = replace(FIRED, counts=replace(FIRED.counts, ac_w=2000))
    run = one("snn", STEM, SITE, busy)
    text = sentence("snn", pairs(ANN, run), {m: pairs(ANN, run, m) for m in MODELS})
    assert text.count(".") - text.count("0.") >= 1 and "saves" in text and " but costs " in text
    assert text.index("dense fp32 ANN,") < text.index("but costs") < text.index("the zero-skipping quantised ANN")


def test_prices() -> None:
    int8 = profile("int8_45nm")
    assert int8.price("imac", bits=8) == pytest.approx(0.30) and int8.price("ac_w") == 0.1
    fp32 = profile("fp32_45nm")
    assert fp32.price("fmac") == 4.6 == pytest.approx(fp32.price("mul") + fp32.price("fadd"))
    for name in ("fp32_45nm", "int8_45nm"):
        assert {*ARITHMETIC, *PLACES, "imac_per_bit"} == set(profiles()[name].prices)
    assert all(p.citation and p.technology for q in profiles().values() for p in q.prices.values())


def test_a_missing_price_names_column_and_profile() -> None:
    with pytest.raises(ValueError, match="profile 'loihi' has no price for column 'fmac'"):
        profile("loihi").energy(Counts(ac_w=1, fmac=1))
    assert profile("loihi").energy(Counts(ac_w=2)) == pytest.approx(47.2)
    with pytest.raises(ValueError, match="nearest: 'loihi'"):
        profile("loihi2")


def test_report(ann: Account, snn: Account, stepped: Account, tmp_path: Path) -> None:
    rows = compare(ann, {"snn": snn, "lif": stepped}, {"ann": 0.6, "snn": 0.55})
    accounts = {"ann": ann, "snn": snn, "lif": stepped}
    paths = write(rows, accounts, tmp_path / "out")
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == sorted(p.name for p in paths)
    read = json.loads(paths[0].read_text())
    assert [r["run"] for r in read] == ["ann", "snn", "lif"]
    wanted = ["run", "miou", "delta_miou", "macs", "acs", "neuron_updates"]
    wanted += ["spike_fed_share", "coverage", "energy_uj", "saving"]
    assert all(list(r)[: len(wanted)] == wanted for r in read)
    assert read[0]["saving"]["strict"] == 0.0 and read[0]["delta_miou"] == 0.0
    assert read[1]["delta_miou"] == pytest.approx(-0.05) and read[2]["miou"] is None
    saving = read[1]["saving"]
    assert saving["strict"] == saving["strict_compute"]["dense_fp32"] > 0
    uj = read[1]["energy_uj"]
    assert saving["strict"] == pytest.approx(1 - uj["strict"] / uj["baseline_dense_fp32"])
    assert uj["strict"] == pytest.approx(read[1]["confidence"]["energy_uj"][0])
    assert uj["strict"] == pytest.approx(read[1]["pricing"]["unary"])
    with paths[1].open() as file:
        assert len(list(csv.DictReader(file))) == 3
    page = paths[3].read_text()
    assert not re.search(r"""(src|href|action)=["']?(http|//|[./]*\w+\.)""", page)
    assert not any(word in page for word in ("fetch(", "XMLHttpRequest", "@import", "url(", "WebSocket"))
    assert read[1]["sentence"] in page
    assert paths[4].read_bytes().startswith(b"\x89PNG")
    assert "| backbone.stage1.0.conv1 | Conv | spike(4) |" in layer_table(snn)
    assert "coverage 100%" in paths[2].read_text()


def test_the_figure_has_room_for_runs_named_by_long_paths(ann: Account, snn: Account) -> None:
    folder = "/somewhere" * 20
    assert png({f"{folder}/control": ann, f"{folder}/snn": snn}).startswith(b"\x89PNG")
    assert short([f"{folder}/a/run", f"{folder}/b/run"]) == ["a/run", "b/run"]
    assert short(["run", "demo/snn"]) == ["run", "snn"]
    alike = short(["a" + "x" * 40, "b" + "x" * 40])
    assert len(set(alike)) == 2 and max(map(len, alike)) <= LONGEST + 3
