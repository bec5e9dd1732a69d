"""What is priced is what was scored: an edit of a run is refused by its digest; where the digest was made to fit, by
what the numbers are; where those are fine too, by the score."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from experiments.binding import digest
from experiments.cli import main

Tensors = dict[str, torch.Tensor]
THRESHOLDS, WEIGHT = "sites.backbone.stage1.0.norm1.upper", "head.fc.0.weight"


@pytest.fixture
def runs(ann_run, converted_run, tmp_path):
    """Copies of an ANN and of its SNN, to be edited."""
    for run in (ann_run, converted_run):
        shutil.copytree(run, tmp_path / run.name)
    return tmp_path / ann_run.name, tmp_path / converted_run.name


def bind_again(run: Path) -> None:
    path = run / "metrics.json"
    metrics = json.loads(path.read_text())
    metrics["files"] = {name: digest(run / name) for name in metrics["files"]}
    path.write_text(json.dumps(metrics))


def refusal(runs, capsys, *more: str, mode: str = "energy") -> str:
    """The one sentence of a refused report; nothing is written."""
    ann, snn = runs
    out = ann.parent / "out"
    words = ["--runs", str(ann), str(snn)] if mode == "energy" else ["--run", str(snn)]
    assert main(["--mode", mode, *words, "--clips", "3", "--out", str(out), *more]) == 2
    assert not out.exists()
    sentence = capsys.readouterr().err.strip().splitlines()[-1]
    return sentence


def edit_weights(snn: Path, edit: Callable[[Tensors], None]) -> None:
    path = snn / "deployed" / "model.safetensors"
    state = load_file(path)
    edit(state)
    save_file(state, path)


def edit_graph(snn: Path, old: str, new: str) -> None:
    path = snn / "deployed" / "graph.json"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


@pytest.mark.parametrize("mode", ["energy", "rates"])
@pytest.mark.parametrize("name", ["deployed/model.safetensors", "deployed/graph.json", "model.safetensors"])
def test_a_changed_file_is_refused_by_its_digest(runs, capsys, mode, name):
    path = runs[1] / name
    path.write_bytes(path.read_bytes() + b" ")
    said = refusal(runs, capsys, mode=mode)
    assert f"{path} is not the file that {runs[1] / 'metrics.json'} scored" in said and "SHA-256" in said


def test_a_lost_an_added_and_an_unbound_file_are_refused(runs, capsys):
    _, snn = runs
    (snn / "deployed" / "notes.txt").write_text("mine")
    assert "notes.txt is not among the files" in refusal(runs, capsys)
    (snn / "deployed" / "notes.txt").unlink()
    shutil.rmtree(snn / "deployed")
    assert "graph.json is missing, expected the file that" in refusal(runs, capsys)
    metrics = json.loads((snn / "metrics.json").read_text())
    del metrics["files"]
    (snn / "metrics.json").write_text(json.dumps(metrics))
    assert "does not name the files that it scored (key 'files' of SHA-256)" in refusal(runs, capsys)


def scale(key: str, by: float) -> Callable[[Tensors], None]:
    return lambda state: state.update({key: state[key] * by})


def nan(state: Tensors) -> None:
    for key, value in state.items():
        state[key] = torch.full_like(value, float("nan")) if value.is_floating_point() else value


EDITS: dict[str, tuple[Callable[[Tensors], None], tuple[str, ...]]] = {
    "nan": (nan, ("holds", "values that are not finite numbers")),
    "infinite": (scale(WEIGHT, float("inf")), (f"'{WEIGHT}' holds", "not finite")),
    "half": (lambda s: s.update({WEIGHT: s[WEIGHT].half()}), (f"'{WEIGHT}' is float16", "expected float32")),
    "complex": (lambda s: s.update({WEIGHT: s[WEIGHT].to(torch.complex64)}), (f"'{WEIGHT}' is complex64",)),
    "shape": (lambda s: s.update({WEIGHT: s[WEIGHT][:1]}), (f"'{WEIGHT}' is float32 [1", "expected float32")),
    "lost": (lambda s: s.pop(WEIGHT), ("lacks 1 keys", WEIGHT)),
    "unknown": (
        lambda s: s.update({"head.fc.0.wieght": s[WEIGHT].clone()}),
        ("'head.fc.0.wieght'", f"nearest: '{WEIGHT}'"),
    ),
    "constant": (lambda s: s.update({k: v + 1 for k, v in s.items() if "position" in k}), ("the constant '",)),
    "silent": (
        lambda s: s.update({k: v + 1e6 for k, v in s.items() if k.endswith("upper")}),
        ("scores mIoU", "its metrics.json says", "run its mode again"),
    ),
    "weights": (lambda s: s.update({k: -v for k, v in s.items() if k.endswith("weight")}), ("scores mIoU",)),
}


@pytest.mark.parametrize("edit", EDITS)
def test_an_edit_of_the_numbers_is_refused_whatever_the_digest_says(runs, capsys, edit):
    change, words = EDITS[edit]
    edit_weights(runs[1], change)
    assert "is not the file that" in refusal(runs, capsys)
    bind_again(runs[1])
    said = refusal(runs, capsys)
    assert all(word in said for word in words), said


GRAPH_EDITS = {
    "signed": ('"signed": true', '"signed": false', "which no node of the graph owns"),
    "levels": ('{"type": "Neuron"', '{"type": "Neuron", "levels": 3', "expected float32 ["),
    "dilation": ('"padding": 1', '"padding": 2, "dilation": 2', "is not"),
    "site": (
        '"type": "Site", "name": "sites.',
        '"type": "Site", "name": "sites.other.',
        "expected the node's own name",
    ),
    "signs": ('"signed": true, ', "", "'"),
    "op": ('"type": "Conv"', '"type": "Cnov"', "'Cnov'"),
}


@pytest.mark.parametrize("edit", GRAPH_EDITS)
def test_an_edit_of_the_graph_is_refused_whatever_the_digest_says(runs, capsys, edit):
    old, new, words = GRAPH_EDITS[edit]
    edit_graph(runs[1], old, new)
    assert "is not the file that" in refusal(runs, capsys)
    bind_again(runs[1])
    assert words in refusal(runs, capsys)


def test_runs_of_one_comparison(runs, capsys, ann_run, small, tmp_path):
    ann, snn = runs
    assert "--runs begins with" in refusal((snn, ann), capsys)
    assert "twice, expected each run once" in refusal((ann, ann), capsys)
    assert main(["--mode", "energy", "--runs", str(ann), "--out", str(tmp_path / "out")]) == 2
    assert "--runs has 1 runs, expected at least two" in capsys.readouterr().err
    text = (snn / "config.yaml").read_text()
    (snn / "config.yaml").write_text(text.replace("test: 30", "test: 20"))
    assert "data.test of run" in (said := refusal(runs, capsys)) and "is 20, expected 30" in said


PRICES = "profile,word_bits,column,pJ,technology,citation,status\n"


def mine(path: Path, **changed: str) -> Path:
    columns = ["ac_w", "ac_int", "imac", "imac_per_bit", "fmac", "fadd", "mul", "cmp", "transcendental"]
    lines = [f"mine,8,{c},{changed.get(c, '1.5')},7 nm,our own bench,assumed" for c in columns]
    path.write_text(PRICES + "\n".join(lines) + "\n")
    return path


def test_a_profile_of_ones_own_is_priced_beside_the_others(runs, tmp_path, capsys):
    ann, snn = runs
    words = ["--runs", str(ann), str(snn), "--clips", "2", "--out", str(tmp_path / "out")]
    prices = ["--energy.profile", str(mine(tmp_path / "mine.csv"))]
    assert main(["--mode", "energy", *words, *prices, "--energy.static_uw", "50", "--energy.frame_ms", "10"]) == 0
    assert "mine, compute (dense ANN)" in capsys.readouterr().out
    first, row = json.loads((tmp_path / "out" / "energy.json").read_text())
    assert row["profile"]["name"] == "mine" and first["profile"] is None
    assert row["profile"]["unpriced"]["perfect_reuse"] == ["buffer"]
    ours, theirs = row["profile"]["uj"]["compute"]["dense_fp32"]
    assert row["profile"]["saving"]["compute"]["dense_fp32"] == pytest.approx(1 - ours / theirs)
    assert theirs > first["macs"] * 1.5e-6 + 0.5  # every MAC at 1.5 pJ, and 50 uW for 10 ms
    assert row["static"] == {"uw": 50.0, "ms": 10.0}
    assert row["scored"] == {"clips": 2, "miou": row["scored"]["miou"], "weight_bits": 8, "miou_int8": None}
    assert first["scored"]["miou_int8"] is not None


@pytest.mark.parametrize(
    ("price", "words"),
    [("-0.9", "expected a finite number above 0"), ("nan", "expected a finite number"), ("free", "expected a number")],
)
def test_a_faulty_price_is_refused_with_its_line(runs, tmp_path, capsys, price, words):
    path = mine(tmp_path / "mine.csv", ac_w=price)
    said = refusal(runs, capsys, "--energy.profile", str(path))
    assert f"{path}, line 2 (mine/ac_w)" in said and words in said


def test_an_unknown_profile_and_half_of_a_static_power_are_refused(runs, capsys):
    assert "nearest: 'fp32_45nm'" in refusal(runs, capsys, "--energy.profile", "fp32_54nm")
    assert "energy.frame_ms 0, expected both or neither" in refusal(runs, capsys, "--energy.static_uw", "5")
