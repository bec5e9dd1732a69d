"""AVSBench through the command line: a miniature of each variant trains and is scored, a broken one is told of."""

from __future__ import annotations

import os
import pickle
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from avs import avsbench
from avs.avsbench import published
from avs.metrics_semantic import SemanticIoU
from experiments.cli import main
from experiments.config_file import load
from experiments.dataset import mask_channels, split
from experiments.datasets import AvsbenchSettings, ChimesSettings
from experiments.run_folder import read_json
from tools import avsbench_mini as mini


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    folder = tmp_path_factory.mktemp("avsbench")
    for make in mini.MAKERS.values():
        make(folder / "root")
    return folder


@pytest.fixture(scope="module")
def train(base):
    """``train(variant, root, name)`` runs one epoch; -> (exit code, run's folder)."""

    def run(variant, root, name, *options):
        folder = base / "runs" / name
        words = [
            "--mode", "ann", "--data.dataset", "avsbench", "--data.variant", variant, "--data.root", str(root),
            "--data.cache", str(base / "cache"), "--run", str(folder), "--train.epochs", "1", "--train.batch", "3",
        ]  # fmt: skip
        return main([*words, *options]), folder

    return run


def data(root, *options):
    return main(["--mode", "data", "--dataset", "avsbench", "--root", str(root), *options])


def test_a_collection_without_logmels_says_how_to_build_them_and_builds_them(base, train, capsys):
    assert data(base / "root", "--variant", "avss") == 2
    out, err = capsys.readouterr()
    assert "avss train: 3 log-mels missing" in out and "--build-logmels" in out
    assert len(err.splitlines()) == 1 and "8 files are missing and 0 are broken" in err
    code, folder = train("avss", base / "root", "too early")
    err = capsys.readouterr().err
    assert code == 2 and not folder.exists() and len(err.splitlines()) == 1
    assert "audio.pkl is missing" in err and "--build-logmels" in err
    assert data(base / "root", "--variant", "avss", "--build-logmels") == 0
    assert "built 8 log-mels" in capsys.readouterr().out
    assert data(base / "root") == 0
    out = capsys.readouterr().out
    assert all(word in out for word in ("s4", "ms3", "avss", "15 / 15", "20 / 20", "is whole: s4, ms3, avss"))


@pytest.mark.parametrize("variant", avsbench.VARIANTS)
def test_a_variant_trains_and_is_scored(variant, base, train, capsys):
    if variant == "avss" and not list((base / "root").rglob("audio.pkl")):
        assert data(base / "root", "--build-logmels") == 0
    loss = ("--loss.dice", "0", "--loss.bce", "0", "--loss.ce", "1") if variant == "avss" else ()
    code, folder = train(variant, base / "root", variant, *loss)
    assert code == 0, capsys.readouterr().err
    metrics = read_json(folder / "metrics.json")
    assert (metrics["dataset"], metrics["variant"], metrics["clips"]) == ("avsbench", variant, 3)
    assert metrics.keys() >= {"miou", "fscore", "miou_val", "miou_mute_audio", "parameters", "train_seconds"}
    assert len(metrics["miou_per_clip"]) == 3 and "miou_swap_audio" not in metrics
    assert ("miou_other_audio" in metrics) == (variant == "s4")
    binary, classes = {"miou_avsbench", "fscore_avsbench"}, {"miou_71", "miou_foreground", "miou_released_padded"}
    assert metrics.keys() >= (classes if variant == "avss" else binary)
    assert not metrics.keys() & (binary if variant == "avss" else classes)
    if variant == "avss":
        assert metrics["semantic_miou"] == metrics["miou_71"] and metrics["miou_71_padded"] != metrics["miou_71"]
        assert metrics["miou_foreground"] != metrics["miou_released"]
    settings = load((folder / "config.yaml").read_text())
    assert settings.data.image == 64 and mask_channels(settings.data) == (71 if variant == "avss" else 1)


def test_a_checked_split_is_not_decoded_again(base, train, monkeypatch):
    assert train("ms3", base / "root", "first")[0] == 0

    def refuse(*arguments, **options):
        raise AssertionError("checked again")

    monkeypatch.setattr(avsbench, "check", refuse)
    assert train("ms3", base / "root", "second")[0] == 0
    next((base / "root/Multi-sources").rglob("test1.mp4_1.png")).touch()
    with pytest.raises(AssertionError, match="checked again"):
        train("ms3", base / "root", "third")


class Hostile:
    def __reduce__(self):
        return (os.system, ("true",))


def first(root, pattern):
    return sorted(root.rglob(pattern))[0]


def cut(path):
    path.write_bytes(path.read_bytes()[:-100])


def edit(root, old, new):
    path = first(root, "*_meta_data.csv")
    path.write_text(path.read_text().replace(old, new))


BROKEN = {
    "a missing frame": (
        lambda r: sorted(r.rglob("test-clip0_7_3.png"))[-1].unlink(),
        ("test-clip0_7_3.png is missing", "frame"),
    ),
    "a truncated image": (
        lambda r: cut(sorted(r.rglob("val-clip1_7_5.png"))[-1]),
        ("visual_frames/val/helicopter/val-clip1_7/val-clip1_7_5.png", "no whole image"),
    ),
    "a truncated mask": (lambda r: cut(sorted(r.rglob("train-clip2_7_1.png"))[0]), ("train-clip2_7_1.png", "mask")),
    "a wrong shape": (
        lambda r: first(r, "train-clip1_7.pkl").write_bytes(pickle.dumps(torch.zeros(4, 1, 96, 64))),
        ("train-clip1_7.pkl", "[4, 1, 96, 64], expected float32 [5, 1, 96, 64]"),
    ),
    "a hostile pickle": (
        lambda r: first(r, "val-clip0_7.pkl").write_bytes(pickle.dumps(Hostile())),
        ("val-clip0_7.pkl", "posix.system", "a tensor"),
    ),
    "a missing column": (lambda r: edit(r, "category", "kind"), ("s4_meta_data.csv", "expected one named 'category'")),
    "an unknown split": (
        lambda r: edit(r, ",val", ",valid"),
        ("s4_meta_data.csv line 5", "'valid'", "train, val, test"),
    ),
    "no folder": (lambda r: shutil.rmtree(r), ("is no folder", "Single-source/s4_meta_data.csv")),
    "no table": (lambda r: first(r, "*.csv").unlink(), ("s4_meta_data.csv is missing",)),
}


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_broken_is_one_sentence_before_anything_is_written(name, base, train, tmp_path, capsys):
    damage, words = BROKEN[name]
    root = Path(shutil.copytree(base / "root" / "Single-source", tmp_path / "Single-source")).parent
    damage(root / "Single-source") if name != "no folder" else damage(root)
    code, folder = train("s4", root, f"broken {name}")
    err = capsys.readouterr().err
    assert code == 2 and not folder.exists()
    assert len(err.splitlines()) == 1 and all(word in err for word in words), err
    assert data(root, "--variant", "s4") == 2
    err = capsys.readouterr().err
    assert len(err.splitlines()) == 1 and (words[0] in err or name == "no folder"), err


MISTAKES = {
    "--mode data": "--root is missing",
    "--mode data --root nowhere": "--root is 'nowhere', which is no folder",
    "--mode data --root .": "holds no variant of AVSBench",
    "--mode data --root . --variant s5": "'s4'",
    "--mode data --root . --dataset chimes": "expected one of avsbench",
    "--mode data --data.root .": "nearest: '--root'",
    "--mode ann --data.dataset avsbench": "data.root is missing",
    "--mode ann --data.dataset avsbench --data.root . --data.variant semantic": "avsbench is 'semantic'",
    "--mode ann --data.variant avss": "data.variant of chimes is 'avss', expected one of ms3, s4, semantic",
    "--mode ann --data.image 224": "data.image is 224, expected 64",
    "--mode ann --data.dataset avsbench --data.root . --data.image 100": "data.image is 100, expected a multiple of 16",
    "--mode ann --data.dataset avsbench --data.root .": "ms3_meta_data.csv is missing",
}


@pytest.mark.parametrize("line", MISTAKES)
def test_a_mistake_is_one_sentence(line, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(line.split()) == 2
    err = capsys.readouterr().err
    assert len(err.splitlines()) == 1 and MISTAKES[line] in err and not list(tmp_path.iterdir())


def test_pairs_of_clips_do_not_depend_on_how_frames_come():
    """Five clips of five frames, so the last batch is a single clip, as in a released loader."""
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(25, 1, 8, 8, generator=generator)
    mask = torch.randint(0, 2, (25, 8, 8), generator=generator)
    owner = torch.arange(25) // 5
    labelled = torch.ones(25, dtype=torch.bool)
    iou, fscore = published.AVSBenchIoU(), published.AVSBenchF()
    for rows in torch.arange(25).split(10):
        iou.update(logits[rows, 0], mask[rows])
        fscore.update(logits[rows, 0], mask[rows])
    for chunk in (1, 7, 10, 25):
        meter = published.PairsOfClips()
        for rows in torch.arange(25).split(chunk):
            meter.update(owner[rows], logits[rows], {"mask": mask[rows], "labelled": labelled[rows]})
        found = meter.compute()
        assert found["miou_avsbench"] == pytest.approx(float(iou.compute()), abs=1e-12)
        assert found["fscore_avsbench"] == pytest.approx(float(fscore.compute()), abs=1e-12)


def test_padding_counts_as_right_in_the_padded_scores_only():
    generator = torch.Generator().manual_seed(1)
    logits, mask = torch.randn(4, 71, 6, 6, generator=generator), torch.randint(0, 71, (4, 6, 6), generator=generator)
    labelled = torch.tensor([True, True, False, False])
    mask[2:] = 0
    meter, real, padded = published.SeventyOne(), SemanticIoU(71), SemanticIoU(71)
    meter.update(torch.zeros(4).long(), logits, {"mask": mask, "labelled": labelled})
    real.update(logits[:2], mask[:2])
    quiet = logits.clone()
    quiet[2:] = 0
    padded.update(quiet, mask)
    found = meter.compute()
    assert found["miou_71"] == float(real.compute()["miou"])
    assert found["fscore_released_padded"] == float(padded.compute()["fscore_released"])
    assert found["miou_71_padded"] > found["miou_71"]


def test_counts_of_zero_are_the_usual_ones(base):
    settings = AvsbenchSettings(variant="ms3", root=str(base / "root"), image=32)
    assert len(split(settings, "train")) == 3
    assert len(split(replace(settings, train=2), "train")) == 2
    found = ChimesSettings()
    assert (found.train, found.val, found.test) == (0, 0, 0)
