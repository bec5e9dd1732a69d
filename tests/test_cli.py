"""A user's mistake is one sentence and exit code 2; a right command is the settings that it says."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from experiments import cli
from experiments.cli_build import leaves
from experiments.config_file import dump, load
from experiments.errors import UserError, nearest
from experiments.settings import NOT_BUILT, SETTINGS, AnnSettings, ConvertSettings, SnnSettings
from snn import NeuronSpec

ROOT = Path(__file__).parents[1]
FILES = {
    "good.yaml": "mode: ann\nseed: 3\ntrain:\n  epochs: 5\n  lr: 4e-3\n",
    "child.yaml": "base: sub/middle.yaml\nseed: 4\ntrain: {batch: 8}\n",
    "sub/middle.yaml": "base: ../good.yaml\nmode: snn\ntrain: {epochs: 7}\nneuron: {levels: 2}\n",
    "circle.yaml": "base: circle2.yaml\n",
    "circle2.yaml": "base: circle.yaml\n",
    "lost_base.yaml": "base: goood.yaml\n",
    "odd_base.yaml": "base: [good.yaml]\n",
    "modle.yaml": "mode: ann\nmodle: {name: miavs}\n",
    "nested.yaml": "mode: ann\ntrain: {epoch: 3}\n",
    "bad_base_key.yaml": "base: modle.yaml\n",
    "typed.yaml": "mode: ann\ntrain: {epochs: many}\n",
    "flag.yaml": "mode: ann\ntrain: {epochs: true}\n",
    "empty_value.yaml": "mode: ann\nseed:\n",
    "scalar_group.yaml": "mode: ann\ntrain: 3\n",
    "group_value.yaml": "mode: ann\nseed: {a: 1}\n",
    "unknown_model.yaml": "mode: ann\nmodel: {name: miav}\n",
    "unknown_mode.yaml": "mode: amm\n",
    "broken.yaml": "mode: ann\n  seed: 1\n",
    "twice.yaml": "mode: ann\nseed: 1\nseed: 2\n",
    "list.yaml": "- ann\n",
    "no_mode.yaml": "seed: 1\n",
    "runs/old/config.yaml": "mode: ann\n",
    "runs/notes/readme.txt": "mine\n",
}
# Command line, and what its one sentence must contain.
MISTAKES = {
    "": "--mode",
    "ann": "--mode ann",
    "-mode ann": "--mode",
    "--mode": "no value",
    "--mode snm": "'snn'",
    "--mode ann snn": "ann snn",
    "--mode ann --train.epoch 3": "--train.epochs",
    "--mode ann --train.ep 3": "--train.epochs",
    "--mode ann --epochs 3": "--train.epochs",
    "--mode ann --model miavs": "--model.name",
    "--mode ann --neuron.kind lif": "--neuron.kind is no option of mode ann",
    "--mode ann --from runs/old": "--from is no option of mode ann",
    "--mode ann --form runs/old": "--form is no option",
    "--mode convert --form runs/old": "--from",
    "--mode ann --train.epochs many": "a whole number",
    "--mode ann --train.epochs 2.5": "a whole number",
    "--mode ann --train.epochs": "--train.epochs has no value",
    "--mode ann --train.lr fast": "a number",
    "--mode ann --train.lr nan": "a number",
    "--mode ann --deaf perhaps": "true or false",
    "--mode ann --resume now then": "true or false",
    "--mode convert --curve 1 two": "a list of whole numbers",
    "--mode ann --train.batch 0": "1 or more",
    "--mode ann --information.bank 32": "256 or more",
    "--mode ann --train.warmup 3": "0 to 1",
    "--mode ann --loss.dice -1": "loss.dice",
    "--mode ann --data.classes 99": "data.classes",
    "--mode ann --model.name miav": "'miavs'",
    "--mode ann --model.spec tyni": "'tiny'",
    "--mode ann --model.spec full": "expected one of tiny",
    "--mode ann --data.variant sm3": "'ms3'",
    "--mode ann --data.dataset chime": "'chimes'",
    "--mode ann --information.estimator infonec": "'infonce'",
    "--mode ann --device gpu": "'cpu'",
    "--mode ann --device cuda:x": "'cuda",
    "--mode snn --neuron.kind iilf": "'ilif'",
    "--mode snn --neuron.kind lif": "levels",
    "--mode snn --spikes.norm bach": "'batch'",
    "--mode ann --config god.yaml": "'good.yaml'",
    "--mode ann --config sub": "a folder",
    "--config lost_base.yaml": "'good.yaml'",
    "--config odd_base.yaml": "odd_base.yaml: base",
    "--config circle.yaml": "circle.yaml -> circle2.yaml -> circle.yaml",
    "--config modle.yaml": "modle.yaml: 'modle' is no key of mode ann; nearest: 'model'",
    "--config nested.yaml": "'train.epochs'",
    "--config bad_base_key.yaml": "modle.yaml: 'modle'",
    "--config typed.yaml": "typed.yaml: train.epochs is 'many', expected a whole number",
    "--config flag.yaml": "a whole number",
    "--config empty_value.yaml": "empty_value.yaml: seed is empty",
    "--config scalar_group.yaml": "epochs, batch",
    "--config group_value.yaml": "a mapping, expected a whole number",
    "--config unknown_model.yaml": "'miavs'",
    "--config unknown_mode.yaml": "'ann'",
    "--config broken.yaml": "broken.yaml line 2",
    "--config twice.yaml": "'seed' stands twice",
    "--config list.yaml": "a mapping",
    "--config no_mode.yaml": "--mode is missing",
    "--mode ann --init runs/odl": "'runs/old'",
    "--mode convert": "--from is missing",
    "--mode convert --from runs/odl": "'runs/old'",
    "--mode convert --from runs/notes": "no config.yaml",
    "--mode energy": "--runs is missing",
    "--mode energy --runs runs/old runs/odl": "'runs/old'",
    "--mode rates --run runs/odl": "'runs/old'",
    "--mode ann --run runs/old": "--overwrite",
    "--mode ann --run runs/odl --resume": "'runs/old'",
    "--mode ann --run runs/old --resume --overwrite": "expected one",
    "--mode ann --run runs/notes --overwrite": "no config.yaml",
    "--mode ann --run good.yaml --overwrite": "no config.yaml",
    "--mode demo --out runs": "--overwrite",
    "--mode demo --out . --overwrite": "no ann.out",
    **{f"--mode {mode}": "not built yet" for mode in NOT_BUILT},
}


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A working folder with the files above."""
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def modes(monkeypatch):
    """Stands in for the mode functions; ``called`` holds the settings that they were given."""
    stub = SimpleNamespace(MODES={}, called=[])
    stub.MODES = {mode: stub.called.append for mode in SETTINGS}
    monkeypatch.setitem(sys.modules, "experiments.modes", stub)
    return stub


def contents(folder: Path) -> dict[Path, bytes]:
    return {p: p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.mark.parametrize("line", MISTAKES)
def test_a_mistake_is_one_sentence(line, here, modes, capsys):
    before = contents(here)
    assert cli.main(line.split()) == 2
    out, err = capsys.readouterr()
    assert not out and len(err.splitlines()) == 1 and len(err) < 300
    assert MISTAKES[line] in err
    assert not modes.called and contents(here) == before


@pytest.mark.parametrize("line", ["--mode ann --train.epoch 3", "--config unknown_model.yaml"])
def test_as_a_process(line, here):
    command = [sys.executable, str(ROOT / "main.py"), *line.split()]
    ended = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"})
    assert ended.returncode == 2 and not ended.stdout
    assert len(ended.stderr.splitlines()) == 1 and "nearest" in ended.stderr


def test_debug_shows_the_traceback(here, capsys):
    assert cli.main(["--mode", "snm", "--debug"]) == 2
    assert "Traceback" in capsys.readouterr().err


def test_a_bug_keeps_its_traceback(here, modes):
    def broken(settings):
        raise ValueError("a bug")

    modes.MODES["ann"] = broken
    with pytest.raises(ValueError, match="a bug"):
        cli.main(["--mode", "ann"])


def test_a_mode_may_refuse_too(here, modes, capsys):
    def refuse(settings):
        raise UserError("no,\nreally")

    modes.MODES["ann"] = refuse
    assert cli.main(["--mode", "ann"]) == 2
    assert capsys.readouterr().err == "no, really\n"


@pytest.mark.parametrize("started, verb", [(True, "continue"), (False, "start again")])
def test_an_interrupt_says_how_to_go_on(started, verb, here, modes, capsys):
    def interrupted(settings):
        if started:
            Path(settings.run).mkdir(parents=True)
            (Path(settings.run) / "config.yaml").write_text(dump(settings))
        raise KeyboardInterrupt

    modes.MODES["ann"] = interrupted
    assert cli.main(["--config", "good.yaml", "--overwrite", "--run", "runs/my run"]) == 130
    err = capsys.readouterr().err
    assert verb in err and ("--resume" in err) == started and "'runs/my run'" in err
    assert ("--overwrite" in err) != started


def test_the_command_line_overrides_the_file_and_the_file_its_base(here):
    found = cli.parse(["--config", "child.yaml", "--train.lr", "1", "--neuron.tau=3"])
    assert isinstance(found, SnnSettings)
    assert (found.mode, found.seed, found.run) == ("snn", 4, "runs/child-snn")
    assert (found.train.epochs, found.train.batch, found.train.lr) == (7, 8, 1.0)
    assert found.neuron == NeuronSpec(levels=2, tau=3.0)
    assert cli.parse(["--config", "good.yaml"]).train.lr == 4e-3
    assert cli.parse(["--config", "good.yaml", "--mode", "snn"]).mode == "snn"


def test_flags_lists_and_aliases(here):
    assert cli.parse(["--mode", "ann", "--deaf"]).deaf is True
    assert cli.parse(["--mode", "ann", "--deaf", "false"]).deaf is False
    assert cli.parse(["--mode", "ann", "--run", "2024"]).run == "2024"
    assert cli.parse(["--mode", "ann", "--run", "runs/old", "--resume"]).resume is True
    assert cli.parse(["--mode", "ann", "--run", "runs/old", "--overwrite"]).overwrite is True
    assert cli.parse(["--mode", "energy", "--runs", "runs/old", "runs/old"]).runs == ("runs/old", "runs/old")
    made = cli.parse(["--mode", "convert", "--from", "runs/old", "--curve", "1", "3"])
    assert (made.source, made.curve, made.run) == ("runs/old", (1, 3), "runs/miavs-convert")


@pytest.mark.parametrize("mode", SETTINGS)
def test_help_names_every_key(mode, capsys):
    assert cli.main(["--mode", mode, "--help"]) == 0
    out = capsys.readouterr().out
    assert all(f"--{key}" in out for key, _, _ in leaves(SETTINGS[mode]))
    assert max(len(line) for line in out.splitlines()) <= 120


def test_help_names_every_mode(capsys):
    assert cli.main(["--help"]) == 0
    out = capsys.readouterr().out
    assert all(mode in out for mode in [*SETTINGS, *NOT_BUILT])


@pytest.mark.parametrize("mode", SETTINGS)
def test_a_dump_of_the_defaults_reads_back(mode):
    assert load(dump(SETTINGS[mode]())) == SETTINGS[mode]()


def test_a_run_is_given_again_by_its_config(here):
    train = replace(AnnSettings().train, lr=1e-5, clip=3.0)
    settings = ConvertSettings(source="runs/old", run="007", curve=(2,), train=train, neuron=NeuronSpec(tau=4.0))
    Path("again.yaml").write_text(dump(settings))
    assert cli.parse(["--config", "again.yaml"]) == settings == load(dump(settings))


@pytest.mark.parametrize(
    "text", ["mode: predict\n", "seed: 1\n", "mode: ann\nmodel: {name: x}\n", "mode: ann\nsede: 1\n"]
)
def test_a_dump_that_was_edited_wrongly_is_refused(text):
    with pytest.raises(UserError, match=r"expected|nearest"):
        load(text)


def test_nearest():
    assert nearest("modle", ["mode", "model"]) == "model"
    assert nearest("epochs", ["seed", "train.epochs"]) == "train.epochs"
