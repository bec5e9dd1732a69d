"""A user's mistake is one sentence and exit code 2; a right command is the settings that it says."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from common.choices import choices
from experiments import cli, network
from experiments.cli.keys import leaves
from experiments.config_file import dump, load
from experiments.errors import UserError, nearest
from experiments.modes import MODES
from experiments.modes.ann import AnnSettings
from experiments.modes.convert import ConvertSettings
from experiments.modes.snn import SnnSettings
from experiments.settings import NeuronSettings, SpikeSettings, TrainSettings
from experiments.training.schedule import SCHEDULES
from graph.models import FAMILIES

ROOT = Path(__file__).parents[1]
FILES = {
    "good.yaml": "mode: ann\nseed: 3\ntrain:\n  epochs: 5\n  lr: 4e-3\n",
    "child.yaml": "base: sub/middle.yaml\nseed: 4\ntrain: {batch: 8}\n",
    "sub/middle.yaml": "base: ../good.yaml\nmode: snn\ntrain: {epochs: 7}\nneuron: {levels: 2}\n",
    "circle.yaml": "base: circle2.yaml\n",
    "circle2.yaml": "base: circle.yaml\n",
    "lost_base.yaml": "base: goood.yaml\n",
    "list_of_bases.yaml": "base: [child.yaml, other.yaml]\nseed: 9\n",
    "other.yaml": "train: {batch: 32, lr: 1e-2}\n",
    "odd_base.yaml": "base: {file: good.yaml}\n",
    "odd_list.yaml": "base: [good.yaml, 3]\n",
    "empty_base.yaml": "base:\n",
    "lost_in_list.yaml": "base: [good.yaml, othr.yaml]\n",
    "circle_in_list.yaml": "base: [good.yaml, circle3.yaml]\n",
    "circle3.yaml": "base: circle_in_list.yaml\n",
    "double.yaml": "base: [good.yaml, sub/middle.yaml]\n",
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
    "some.pth": "weights\n",
    "some.ckpt": "weights\n",
}
FULL = "--data.dataset avsbench --data.root . --model.spec full"
PUBLISHED = "--mode snn --data.dataset avsbench --data.root . --model.spec released --spikes.form released"
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
    "--mode ann --train.threads 99999": "train.threads is 99999, expected 1 to",
    "--mode ann --seed 99999999999999999999": "seed is 99999999999999999999, expected 0 to 9223372036854775807",
    "--mode demo --seed -1": "seed is -1, expected 0 to",
    "--mode demo --parallel 0": "parallel is 0, expected 1 or more",
    "--mode energy --runs runs/old runs/old --clips 0": "clips is 0, expected 1 or more",
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
    "--mode ann --model.backbone resnet5": "'resnet50'",
    "--mode ann --model.audio ced_mini": "'ced_mini', which does not fit model.spec 'tiny' of miavs",
    "--mode ann --model.backbone_weights some.pth": "model.backbone_weights is 'some.pth', but for 'tiny' no names",
    "--mode ann --model.audio_weights some.pth": "model.audio_weights is 'some.pth', but for 'tiny_audio' no names",
    f"--mode ann {FULL} --model.backbone_weights sone.pth": "is not there, expected a weight file",
    f"--mode ann {FULL} --model.backbone_weights som.pth": "nearest: 'some.pth'",
    f"--mode ann {FULL} --model.backbone_weights timn": "or 'timm' or",
    f"--mode ann {FULL} --model.audio_weights sub": "is a folder",
    f"--mode ann {FULL} --model.audio_weights some.ckpt": "ends in '.ckpt'",
    f"--mode ann {FULL} --weights some.ckpt": "weights is 'some.ckpt', which ends in '.ckpt'",
    f"--mode ann {FULL} --weights sone.pth": "'some.pth'",
    f"--mode ann {FULL} --weights timm": "weights is 'timm', which is not there",
    f"--mode ann {FULL} --weights some.pth --model.name qsd": "no official names are known for qsd on pvt_v2_b5",
    "--mode ann --weights some.pth": "no official names are known for miavs on tiny",
    "--mode convert --from runs/old --weights some.pth": "--mode convert starts from --from",
    "--mode ann --train.schedule cosinus": "'cosine'",
    f"--mode ann {FULL} --model.name av2ts --model.spec maskiges": "also reads 'maskige', but avsbench gives image and",
    "--mode ann --train.backbone_lr -1": "0 or more",
    "--mode ann --train.freeze_epochs -1": "0 or more",
    "--mode snn --spikes.form realised": "'released'",
    "--mode snn --spikes.form released": "model.spec is 'tiny', expected MI-AVS as published",
    f"{PUBLISHED} --model.name avsegformer": "model.name is 'avsegformer', expected MI-AVS as published",
    f"{PUBLISHED} --neuron.levels 2": "neuron.levels is '2', expected MI-AVS as published",
    f"{PUBLISHED} --neuron.steps 2": "neuron.steps 1",
    f"{PUBLISHED} --neuron.kind lif --neuron.levels 1": "neuron.kind ilif",
    f"{PUBLISHED} --weights some.pth --model.backbone resnet50": "expected miavs on pvt_v2...",
    "--mode ann --data.dataset chime": "'chimes'",
    "--mode ann --data.dataset": "--data.dataset has no value, expected one: one of chimes, avsbench",
    "--mode ann --data.root x": "--data.root is no key of dataset chimes; avsbench and stamps have it",
    "--mode ann --data.dataset avsbench --data.classes 5": "no key of dataset avsbench; chimes has it",
    "--mode data --data.dataset chimes": "nearest: '--dataset'",
    "--mode ann --information.estimator infonec": "'infonce'",
    "--mode ann --device gpu": "'cpu'",
    "--mode ann --device cuda:x": "'cuda",
    "--mode snn --neuron.kind iilf": "'ilif'",
    "--mode snn --neuron.kind lif": "levels",
    "--mode snn --spikes.norm bach": "'batch'",
    "--mode ann --config god.yaml": "'good.yaml'",
    "--mode ann --config sub": "a folder",
    "--config lost_base.yaml": "'good.yaml'",
    "--config odd_base.yaml": "odd_base.yaml: base is {'file': 'good.yaml'}, expected the path of a YAML file",
    "--config odd_list.yaml": "odd_list.yaml: base is ['good.yaml', 3]",
    "--config empty_base.yaml": "empty_base.yaml: base is None",
    "--config lost_in_list.yaml": "'other.yaml'",
    "--config circle_in_list.yaml": "circle_in_list.yaml -> circle3.yaml -> circle_in_list.yaml",
    "--config double.yaml": "sub/middle.yaml: base is 'good.yaml', which is a base already, of double.yaml",
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
    "--mode export": "--run is missing",
    "--mode export --run runs/odl": "'runs/old'",
    "--mode ann --run runs/old": "--overwrite",
    "--mode ann --run runs/odl --resume": "'runs/old'",
    "--mode ann --run runs/old --resume --overwrite": "expected one",
    "--mode ann --run runs/notes --overwrite": "no config.yaml",
    "--mode ann --run good.yaml --overwrite": "no config.yaml",
    "--mode demo --out runs": "--overwrite",
    "--mode demo --out . --overwrite": "no ann.out",
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

    class Stub:
        def __init__(self) -> None:
            self.called: list[Any] = []

        def runs(self, name, run):
            monkeypatch.setitem(MODES, name, replace(MODES[name], run=run))

    stub = Stub()
    for name in MODES:
        stub.runs(name, stub.called.append)
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

    modes.runs("ann", broken)
    with pytest.raises(ValueError, match="a bug"):
        cli.main(["--mode", "ann"])


def test_a_mode_may_refuse_too(here, modes, capsys):
    def refuse(settings):
        raise UserError("no,\nreally")

    modes.runs("ann", refuse)
    assert cli.main(["--mode", "ann"]) == 2
    assert capsys.readouterr().err == "no, really\n"


@pytest.mark.parametrize("started, verb", [(True, "continue"), (False, "start again")])
def test_an_interrupt_says_how_to_go_on(started, verb, here, modes, capsys):
    def interrupted(settings):
        if started:
            Path(settings.run).mkdir(parents=True)
            (Path(settings.run) / "config.yaml").write_text(dump(settings))
        raise KeyboardInterrupt

    modes.runs("ann", interrupted)
    assert cli.main(["--config", "good.yaml", "--overwrite", "--run", "runs/my run"]) == 130
    err = capsys.readouterr().err
    assert verb in err and ("--resume" in err) == started and "'runs/my run'" in err
    assert ("--overwrite" in err) != started


def test_the_command_line_overrides_the_file_and_the_file_its_base(here):
    found = cli.parse(["--config", "child.yaml", "--train.lr", "1", "--neuron.tau=3"])
    assert isinstance(found, SnnSettings)
    assert (found.mode, found.seed, found.run) == ("snn", 4, "runs/child-snn")
    assert (found.train.epochs, found.train.batch, found.train.lr) == (7, 8, 1.0)
    assert found.neuron == NeuronSettings(levels=2, tau=3.0)
    assert cli.parse(["--config", "good.yaml"]).train.lr == 4e-3
    found = cli.parse(["--config", "list_of_bases.yaml", "--mode", "snn"])
    assert (found.seed, found.train.batch, found.train.lr, found.train.epochs) == (9, 32, 1e-2, 7)
    assert cli.parse(["--config", "good.yaml", "--mode", "snn"]).mode == "snn"


def test_a_run_is_called_after_its_config_and_the_folders_of_that(here):
    for name in ("configs/some/family/s4.yaml", "configs/s4.yaml", "sub/s4.yaml"):
        (here / name).parent.mkdir(parents=True, exist_ok=True)
        (here / name).write_text("mode: ann\n")
    assert cli.parse(["--config", "configs/some/family/s4.yaml"]).run == "runs/some-family-s4-ann"
    assert cli.parse(["--config", str(here / "configs" / "s4.yaml")]).run == "runs/s4-ann"
    assert cli.parse(["--config", "sub/s4.yaml"]).run == "runs/s4-ann"


def test_a_network_of_longer_windows_than_a_clip_is_refused(here, modes, monkeypatch, capsys):
    specs = FAMILIES["etavs"].specs
    monkeypatch.setitem(specs, "long", replace(specs["micro"], image=64, frames=10, window=10))
    monkeypatch.setitem(specs, "short", replace(specs["micro"], image=64))
    assert cli.main(["--mode", "ann", "--model.name", "etavs", "--model.spec", "short"]) == 0
    assert cli.main(["--mode", "ann", "--model.name", "etavs", "--model.spec", "long"]) == 2
    assert "looks at 10 frames at once, but a clip of chimes has 5, expected a multiple" in capsys.readouterr().err


@pytest.mark.parametrize("words", ["--weights some.pth", "--init runs/old"])
def test_parts_need_not_be_there_where_a_whole_is(words, here):
    line = f"--mode ann {FULL} --model.backbone_weights lost.pth --model.audio_weights lost.pth {words}"
    assert cli.parse(line.split()).model.audio_weights == "lost.pth"


def test_flags_lists_and_aliases(here):
    assert cli.parse(["--mode", "ann", "--deaf"]).deaf is True
    assert cli.parse(["--mode", "ann", "--deaf", "false"]).deaf is False
    assert cli.parse(["--mode", "ann", "--run", "2024"]).run == "2024"
    assert cli.parse(["--mode", "ann", "--run", "runs/old", "--resume"]).resume is True
    assert cli.parse(["--mode", "ann", "--run", "runs/old", "--overwrite"]).overwrite is True
    assert cli.parse(["--mode", "energy", "--runs", "runs/old", "runs/old"]).runs == ("runs/old", "runs/old")
    made = cli.parse(["--mode", "convert", "--from", "runs/old", "--curve", "1", "3"])
    assert (made.source, made.curve, made.run) == ("runs/old", (1, 3), "runs/miavs-convert")


@pytest.mark.parametrize("mode", MODES)
def test_help_names_every_key(mode, capsys):
    assert cli.main(["--mode", mode, "--help"]) == 0
    out = capsys.readouterr().out
    assert all(f"--{setting.key}" in out for setting in leaves(MODES[mode].settings))
    assert max(len(line) for line in out.splitlines()) <= 120


def test_help_to_a_reader_who_leaves():
    command = f"{shlex.quote(sys.executable)} main.py --mode ann --help | true"
    done = subprocess.run(command, shell=True, cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stderr == ""


def test_help_names_every_mode(capsys):
    assert cli.main(["--help"]) == 0
    out = capsys.readouterr().out
    assert all(mode in out for mode in MODES)


@pytest.mark.parametrize("mode", MODES)
def test_a_dump_of_the_defaults_reads_back(mode):
    assert load(dump(MODES[mode].settings())) == MODES[mode].settings()


def test_a_run_is_given_again_by_its_config(here):
    train = replace(AnnSettings().train, lr=1e-5, clip=3.0)
    settings = ConvertSettings(source="runs/old", run="007", curve=(2,), train=train, neuron=NeuronSettings(tau=4.0))
    Path("again.yaml").write_text(dump(settings))
    assert cli.parse(["--config", "again.yaml"]) == settings == load(dump(settings))


@pytest.mark.parametrize(
    "text", ["mode: exprot\n", "seed: 1\n", "mode: ann\nmodel: {name: x}\n", "mode: ann\nsede: 1\n"]
)
def test_a_dump_that_was_edited_wrongly_is_refused(text):
    with pytest.raises(UserError, match=r"expected|nearest"):
        load(text)


def test_nearest():
    assert nearest("modle", ["mode", "model"]) == "model"
    assert nearest("epochs", ["seed", "train.epochs"]) == "train.epochs"


def test_every_word_of_a_table_can_be_chosen():
    assert set(network.FORMS) == set(choices(SpikeSettings)["form"])
    assert set(SCHEDULES) == set(choices(TrainSettings)["schedule"])


def test_a_wrong_word_is_refused_in_python_too():
    with pytest.raises(ValueError, match="spikes.score is 'linaer', expected one of count, linear; nearest: 'linear'"):
        SpikeSettings(score="linaer")
    with pytest.raises(ValueError, match="train.schedule is 'cosinus'"):
        TrainSettings(schedule="cosinus")


def test_the_sentence_is_the_same_wherever_the_word_stands(here, capsys):
    """Of a ``Literal``, and of a name that a registry knows."""
    names = ("data.dataset", "chime", "chimes, avsbench, stamps")
    for key, word, words in (("spikes.norm", "bach", "none, batch"), names):
        group, name = key.split(".")
        Path("wrong.yaml").write_text(f"mode: snn\n{group}: {{{name}: {word}}}\n")
        assert cli.main(["--mode", "snn", f"--{key}", word]) == cli.main(["--config", "wrong.yaml"]) == 2
        one, other = capsys.readouterr().err.splitlines()
        assert one == other and one.startswith(f"{key} is '{word}', expected one of {words}; nearest: ")


def test_a_run_of_a_larger_machine_can_be_read(monkeypatch):
    monkeypatch.setattr("os.cpu_count", lambda: 4)
    settings = AnnSettings(train=TrainSettings(threads=5), device="cuda")
    assert load(dump(settings)) == settings
