"""stamps from the command line: fetched from a user's packages, reported, exported, trained on; what can go wrong."""

from __future__ import annotations

import json

import pytest

from avs.stamps.sources import catalogue
from experiments.cli import main
from experiments.datasets.stamps import fetch
from tests.avs.stamps.conftest import debs  # noqa: F401 - a fixture

TINY = ["--model.spec", "micro", "--data.image", "64", "--data.train", "2", "--data.val", "8", "--data.test", "12"]


@pytest.fixture(scope="module")
def packages(debs, tmp_path_factory):  # noqa: F811
    """A user's folder of packages, whose pins take the place of the real ones."""
    folder = tmp_path_factory.mktemp("own")
    for path, _ in debs.values():
        (folder / path.name).symlink_to(path)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fetch, "packages", lambda: {name: pin for name, (_, pin) in debs.items()})
        yield folder


@pytest.fixture(scope="module")
def root(packages, tmp_path_factory):
    root = tmp_path_factory.mktemp("root") / "stamps"
    assert main(["--mode", "data", "--dataset", "stamps", "--root", str(root), "--packages", str(packages)]) == 0
    return root


def test_it_is_fetched_once_and_reported(root, packages, capsys):
    assert main(["--mode", "data", "--dataset", "stamps", "--root", str(root)]) == 0
    shown = capsys.readouterr().out
    assert f"all {len(catalogue())} files are in {root}" in shown and "unseen_both" in shown
    assert "of the test" in (root / "LICENCES").read_text()
    assert not (root / "packages").exists(), "the user's own packages are not copied"


def test_it_is_trained_on(root, tmp_path, capsys):
    run = tmp_path / "run"
    words = ["--mode", "ann", "--data.dataset", "stamps", "--data.root", str(root), *TINY, "--train.epochs", "1"]
    assert main([*words, "--run", str(run)]) == 0, capsys.readouterr().err
    metrics = json.loads((run / "metrics.json").read_text())
    assert 0 <= metrics["miou"] <= 1
    assert len(list((root / "clips").glob("ms3-unseen_both-64px-12-*.pt"))) == 1


def test_clips_composed_while_they_are_read_train_the_same_network(root, tmp_path):
    words = ["--mode", "ann", "--data.dataset", "stamps", "--data.root", str(root), *TINY, "--train.epochs", "1"]
    kept_clips = sorted((root / "clips").iterdir())
    fresh = ["--data.fresh", "true", "--data.workers", "1"]
    assert main([*words, "--data.seed", "3", *fresh, "--run", str(tmp_path / "fresh")]) == 0
    new = set((root / "clips").iterdir()) - set(kept_clips)
    assert new and not any("-train-" in path.name for path in new), "clips of train are not kept"
    assert main([*words, "--data.seed", "3", "--run", str(tmp_path / "kept")]) == 0
    a, b = ((tmp_path / name / "model.safetensors").read_bytes() for name in ("fresh", "kept"))
    assert a == b


def test_a_fetch_that_fails_leaves_nothing_to_be_taken_for_whole(tmp_path, capsys):
    (tmp_path / "empty").mkdir()
    root = tmp_path / "root"
    words = ["--mode", "data", "--dataset", "stamps", "--root", str(root), "--packages", str(tmp_path / "empty")]
    assert main(words) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1
    assert not list(root.rglob("*.npz")) and not (root / "LICENCES").exists() and not (root / "files").exists()


def test_it_is_exported(root, tmp_path, capsys):
    words = ["--mode", "data", "--dataset", "stamps", "--root", str(root), "--variant", "s4", "--clips", "10"]
    assert main([*words, "--export", str(tmp_path / "out"), "--image", "64"]) == 0
    assert "12 clips of s4" in capsys.readouterr().out
    assert main(["--mode", "data", "--root", str(tmp_path / "out"), "--variant", "s4"]) == 0
    assert "is whole: s4" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--packages", "nowhere"], "--packages is 'nowhere', which is no folder"),
        (["--export", "out", "--variant", "semantic"], "has no form in AVSBench's layout"),
    ],
)
def test_what_a_user_can_get_wrong(root, words, sentence, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["--mode", "data", "--dataset", "stamps", "--root", str(root), *words]) == 2
    assert sentence in capsys.readouterr().err and not list(tmp_path.iterdir())


def test_runs_say_what_is_missing(tmp_path, capsys):
    words = ["--mode", "ann", "--data.dataset", "stamps", "--data.root", str(tmp_path / "none"), *TINY]
    assert main([*words, "--run", str(tmp_path / "run")]) == 2
    assert f"fetch them: --mode data --dataset stamps --root {tmp_path / 'none'}" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
    assert main(["--mode", "data", "--export", "x", "--root", str(tmp_path)]) == 2
    assert "but avsbench is no dataset that is composed" in capsys.readouterr().err
    assert main(["--mode", "data", "--packages", "x", "--root", str(tmp_path)]) == 2
    assert "but avsbench is not made of packages" in capsys.readouterr().err
    bad = ["--mode", "ann", "--data.dataset", "stamps", "--data.kind", "seen_both", "--run", str(tmp_path / "run")]
    assert main(bad) == 2
    assert "data.kind: found 'seen_both', expected one of seen" in capsys.readouterr().err
