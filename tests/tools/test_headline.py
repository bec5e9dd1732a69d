"""The table on stamps: what is trained for it, what is said of it, and how sure that is."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from avs.stamps import KINDS
from experiments.errors import UserError
from tools.headline import __main__ as tool
from tools.headline import results
from tools.headline.arms import ARMS, points
from tools.headline.bound import bound
from tools.headline.document import document, verdict
from tools.results import spread


def arm(miou: float, clips: int = 40, seed: int = 0) -> dict:
    per_clip = (miou + 0.1 * np.random.default_rng(seed).standard_normal(clips)).tolist()
    scores = {"miou": miou, "fscore": miou + 0.01, "miou_per_clip": per_clip}
    scores |= {f"miou_{sound}_audio": miou / 2 for sound in ("other", "swap", "mute")}
    return {
        "splits": {kind: dict(scores) for kind in KINDS},
        "robust": {"g_miou": miou, "g_fscore": miou, "g_fpr": 0.1},
        "miou_direct": 0.2,
        "miou_trained": miou,
    }


def result(seed: int, gap: float) -> dict:
    arms = {"ann": arm(0.6), "control": arm(0.62, seed=seed), "convert": arm(0.62 - gap, seed=seed)}
    figures = {"seed": seed, "arms": arms, "oracle": dict.fromkeys(KINDS, 0.5), "energy": {"paper": 0.9}}
    return {"command": "python -m tools.headline", "figures": figures}


def test_every_run_of_a_seed_starts_from_its_own_first():
    every = points(list(ARMS), [0, 3], Path("out"), ["--data.train", "8"])
    assert len(every) == 2 * len(ARMS) and len({p.run for p in every}) == len(every)
    for point in every:
        words = " ".join(point.arguments)
        seed = point.run.parent.name
        assert "--data.train 8" in words and f"--seed {seed.removeprefix('seed-')}" in words
        reads = ARMS[point.run.name].reads
        assert [other.run for other in point.after] == [point.run.parent / arm for _, arm in reads]
        assert all(f"{option} {point.run.parent / arm}" in words for option, arm in reads)


@pytest.mark.parametrize(
    ("names", "sentence"),
    [
        (["convert"], "convert comes without 'ann' before it"),
        (["ann", "convert", "control"], "convert comes without 'control' before it"),
        (["an"], "nearest: 'ann'"),
    ],
)
def test_arms_that_cannot_be(names, sentence):
    with pytest.raises(UserError, match=sentence):
        points(names, [0], Path("out"), [])


def test_the_bound_lies_above_the_gap_by_what_clips_vary():
    random = np.random.default_rng(0)
    reference = random.uniform(0.3, 0.9, (5, 200))
    same = bound(reference, reference - 0.01)
    assert same == pytest.approx(0.01, abs=1e-6)
    noisy = bound(reference, reference - 0.01 + 0.1 * random.standard_normal((5, 200)))
    expected = 0.01 + 1.645 * 0.1 / np.sqrt(1000)
    assert noisy == pytest.approx(expected, abs=0.006) and noisy > 0.01


def test_seeds_that_differ_widen_the_bound():
    clips = np.zeros((5, 200))
    by_seed = np.repeat(np.array([[0.0], [0.0], [0.05], [0.0], [0.0]]), 200, 1)
    assert bound(clips, clips - by_seed) > 0.019
    assert bound(clips, clips - by_seed.mean()) == pytest.approx(0.01)


def test_an_arm_that_some_seeds_lack_says_so():
    whole, part = result(0, 0.02), result(1, 0.02)
    del part["figures"]["arms"]["convert"]
    del part["figures"]["energy"]
    text = document([whole, part])
    assert "| SNN, from the ANN (1 seed) | 0.600 |" in text and "| ANN | 0.600 ± 0.000 |" in text
    assert "1 paired seed, bootstrapped" in text and f"mIoU, {KINDS[3]}, 1 seed" in text


def test_one_who_gains_is_said_to_gain():
    figures = [result(seed, -0.02)["figures"] for seed in (0, 1)]
    assert "-0.02" in verdict(figures) and "2 paired seeds" in verdict(figures)


def test_the_document_names_every_split_and_arm_and_no_other():
    text = document([result(0, 0.01), result(1, 0.02)])
    assert all(kind in text for kind in KINDS) and ARMS["control"].title in text and ARMS["snn"].title not in text
    assert spread([0.61, 0.60]) == "0.605 ± 0.007" and "0.605 ± 0.007" in text
    assert "straight after conversion" in text and "`paper`" in text and "+0.0150" in text


def test_savings_are_named_by_rule_and_opponent():
    assert tool.flat({"paper": 0.9, "strict_memory": {"qann": -0.1}}) == {"paper": 0.9, "strict_memory(qann)": -0.1}


@pytest.mark.parametrize(
    ("words", "sentence"),
    [([], "--out is missing"), (["--out", "x", "--arms", "anm"], "nearest: 'ann'")],
)
def test_mistakes(words, sentence, monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["tools.headline", *words])
    assert tool.main() == 2 and sentence in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_a_table_of_nothing_is_refused(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(results, "FOLDER", tmp_path)
    monkeypatch.setattr("sys.argv", ["tools.headline", "--table"])
    assert tool.main() == 2 and "has no stamps_seed*.json" in capsys.readouterr().err


def test_the_page_is_what_the_results_say():
    assert results.DOCUMENT.read_text() == document(results.kept_results()), "run: python -m tools.headline --table"
