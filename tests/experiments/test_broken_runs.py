"""A run that was damaged after it ended: one sentence that names the file, exit code 2."""

from __future__ import annotations

import shutil

import pytest

from experiments.cli import main

DAMAGE = {
    "truncated weights": ("model.safetensors", lambda content: content[:1000]),
    "weights that are no weights": ("model.safetensors", lambda content: b"hello"),
    "half a graph": ("graph.json", lambda content: content[: len(content) // 2]),
    "an op that does not exist": ("graph.json", lambda content: content.replace(b'"Conv"', b'"Conf"', 1)),
    "a setting that does not exist": ("config.yaml", lambda content: content.replace(b"seed:", b"sead:", 1)),
}


@pytest.mark.parametrize("what", DAMAGE)
def test_damage_is_named(what, converted_run, tmp_path, capsys):
    run = tmp_path / "run"
    shutil.copytree(converted_run, run)
    name, spoil = DAMAGE[what]
    (run / name).write_bytes(spoil((run / name).read_bytes()))
    assert main(["--mode", "rates", "--run", str(run), "--clips", "1", "--out", str(tmp_path)]) == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1
    assert name in lines[0]


@pytest.mark.parametrize("name", ["model.safetensors", "graph.json", "config.yaml"])
def test_a_missing_file_is_named(name, converted_run, tmp_path, capsys):
    run = tmp_path / "run"
    shutil.copytree(converted_run, run)
    (run / name).unlink()
    assert main(["--mode", "rates", "--run", str(run), "--clips", "1", "--out", str(tmp_path)]) == 2
    assert name in capsys.readouterr().err
