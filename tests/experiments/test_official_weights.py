"""``--weights``: an official checkpoint is evaluated without a step of training; what does not fit is one sentence."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from ann import ANN
from ann.checkpoints import OFFICIAL, RELEASED
from ann.checkpoints.keymap import rule
from avs import avsbench
from experiments.cli import main
from experiments.network import load_run
from experiments.official import owners
from experiments.run_folder import read_json
from graph.lower import lower
from graph.models import SPECS, build, spec_of
from graph.passes import released
from snn import SNN
from tests.official_files import official_state
from tools import avsbench_mini as mini

SMALL = {
    "image": 64, "backbone": "pvt_v2_b0", "audio": "tiny_audio", "audio_widths": (8, 8, 8, 8), "hidden": 32, "heads": 4,
    "mask_dim": 32, "points": 2, "queries": 6, "query_layers": 1, "query_ffn": 32, "encoder_layers": 1, "ffn": 32,
    "decoder_layers": 1, "mlp": 16, "fc": (8, 8), "critic": (8, 8),
}  # fmt: skip
SOUND = rule(r"vggish\.(.*)", r"audio.\1")  # the small sound network is not VGGish; all other names are official ones


@pytest.fixture(autouse=True)
def small_specs(monkeypatch):
    monkeypatch.setitem(SPECS, "small", replace(SPECS["full"], **SMALL))
    monkeypatch.setitem(SPECS, "released", replace(SPECS["released"], **SMALL))
    for starts in (OFFICIAL["avsegformer"], OFFICIAL["miavs"], RELEASED["miavs"]):
        for start, keys in starts.items():
            monkeypatch.setitem(starts, start, replace(keys, rules=(SOUND, *keys.rules)))


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    folder = tmp_path_factory.mktemp("official")
    mini.s4(folder / "root", {"train": 1, "val": 1, "test": 2})
    return folder


def network(family="miavs", classes=1, seed=5):
    """Weights that no run draws by itself."""
    torch.manual_seed(seed)
    module = lower(build(family, spec_of(family, "small", classes=classes)), ANN).eval()
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(0.01 * torch.randn_like(parameter))
    return module


def official(family="miavs", **changes):
    return official_state(network(family, **changes).state_dict(), OFFICIAL[family]["pvt_v2"])


@pytest.fixture
def evaluate(base, tmp_path):
    """``evaluate(content, *options)`` saves the content and evaluates it; -> (exit code, run's folder)."""

    def run(content, *options, mode="ann", spec="small", name="official.pth"):
        path, folder = tmp_path / name, tmp_path / "run"
        if isinstance(content, bytes):
            path.write_bytes(content)
        elif content is not None:
            torch.save(content, path)
        words = [
            "--mode", mode, "--model.name", "miavs", "--model.spec", spec, "--data.dataset", "avsbench",
            "--data.variant", "s4", "--data.root", str(base / "root"), "--data.cache", str(base / "cache"),
            "--run", str(folder), "--train.epochs", "0", "--weights", str(path),
        ]  # fmt: skip
        return main([*words, *options]), folder

    return run


def test_it_is_evaluated_and_leaves_a_whole_run(evaluate, base, capsys):
    state = official()
    extra = {"head.fpn.up1.1.weight": torch.zeros(2), "head.attn_fc.0.bias": torch.zeros(2)}
    code, folder = evaluate({**state, **extra})
    out, err = capsys.readouterr()
    assert code == 0, err
    told = "1 unused: feature pyramid of auxiliary masks, never run"
    assert f"official.pth: {len(state)} official tensors loaded; {told}" in " ".join(out.split())
    assert {p.name for p in folder.iterdir()} >= {"config.yaml", "graph.json", "model.safetensors", "metrics.json"}
    metrics, module, run = read_json(folder / "metrics.json"), network(), load_run(str(folder))
    assert metrics["clips"] == 2 and metrics["miou_avsbench"] >= 0
    found = avsbench.load("s4", base / "root", "test", image=64)
    batch = found.frame_batch(torch.tensor([0, 1]), torch.tensor([0, 3]))
    expected = module(image=batch["image"], logmel=batch["logmel"])["mask"]
    assert torch.equal(run.module(image=batch["image"], logmel=batch["logmel"])["mask"], expected)


def test_zero_epochs_can_be_resumed(evaluate):
    code, folder = evaluate(official())
    before = read_json(folder / "metrics.json")
    assert code == 0 and evaluate(None, "--resume")[0] == 0
    costs = {"train_seconds": 0, "train_memory_mb": 0}
    assert {**read_json(folder / "metrics.json"), **costs} == {**before, **costs}


@pytest.mark.parametrize(
    "wrap",
    [
        lambda state: {f"module.{key}": value for key, value in state.items()},
        lambda state: {"model": state, "optimizer": {"lr": 1.0}, "iteration": 3},
        lambda state: {"state_dict": {f"module.{key}": value for key, value in state.items()}},
    ],
    ids=["module.", "model", "state_dict of module."],
)
def test_wrappers_are_taken_off(wrap, evaluate, capsys):
    code, _ = evaluate(wrap(official()))
    out, err = capsys.readouterr()
    assert code == 0, err
    assert "official tensors loaded" in " ".join(out.split())


def test_parts_are_not_read_where_a_whole_is_named(evaluate):
    assert evaluate(official(), "--model.backbone_weights", "nowhere.pth")[0] == 0


def test_real_weights_fill_a_spiking_network(evaluate, capsys):
    code, folder = evaluate(official(), mode="snn")
    assert code == 0, capsys.readouterr().err
    state = network().state_dict()
    found = load_run(str(folder)).module.state_dict()
    assert any(key.startswith("sites.") for key in found)
    assert all(torch.equal(found[key], value) for key, value in state.items())


def test_the_published_spiking_network_has_names_of_its_own(evaluate, capsys):
    torch.manual_seed(3)
    module = lower(released(build("miavs", spec_of("miavs", "released"))), SNN)
    state = official_state(module.state_dict(), RELEASED["miavs"]["pvt_v2"])
    assert "head.fc.5.weight" in state and "head.mlp.norms.0.weight" in state
    code, folder = evaluate(state, "--spikes.form", "released", mode="snn", spec="released")
    assert code == 0, capsys.readouterr().err
    found = load_run(str(folder)).module.state_dict()
    kept = {key: value for key, value in module.state_dict().items() if not key.startswith("sites.")}
    assert all(torch.equal(found[key], value) for key, value in kept.items())
    assert owners(state) == ["spiking miavs on pvt_v2..."]


def renamed(state, old, new):
    return {key.replace(old, new): value for key, value in state.items()}


def resnet(state):
    """The keys of a ResNet's file, as far as they tell it from a PVT's."""
    kept = {key: value for key, value in state.items() if not key.startswith("backbone.")}
    return {**kept, "backbone.layer3_2.0.conv1.weight": torch.zeros(1), "backbone.conv1.weight": torch.zeros(1)}


# What the file holds, the options, and the words of the one sentence.
WRONG = {
    "no file": (lambda: None, (), ("official.pth", "is not there", ".pth, .pt, .safetensors")),
    "no checkpoint": (lambda: b"not a checkpoint at all", (), ("official.pth", "cannot be read")),
    "no tensors": (lambda: {"epoch": 3}, (), ("holds a int under 'epoch'", "expected a tensor")),
    "a list": (lambda: [1, 2], (), ("holds a list", "expected a dict of tensors")),
    "another family": (
        lambda: official("avsegformer"),
        (),
        ("it is a checkpoint of avsegformer on pvt_v2...", "expected one of miavs on pvt_v2_b0"),
    ),
    "another backbone": (
        lambda: resnet(official("avsegformer")),
        ("--model.name", "avsegformer"),
        ("it is a checkpoint of avsegformer on resnet...", "expected one of avsegformer on pvt_v2_b0"),
    ),
    "71 classes": (
        lambda: official(classes=71),
        (),
        ("'head.fc.4.weight' has shape (71, 8, 1, 1)", "expected (1, 8, 1, 1)"),
    ),
    "an unknown key": (
        lambda: renamed(official(), "audio_proj", "sound_proj"),
        (),
        ("'sound_proj.weight' is unknown",),
    ),
    "a key less": (
        lambda: {key: value for key, value in official().items() if key != "audio_proj.bias"},
        (),
        ("leaves 1 of", "first 'audio_proj.bias'", "same family and backbone"),
    ),
    "a family without official code": (
        lambda: official(),
        ("--model.name", "qsd", "--model.spec", "full"),
        ("no official names are known for qsd on pvt_v2_b5", "etavs on resnet..."),
    ),
    "a backbone without official code": (
        lambda: official(),
        ("--model.backbone", "efficientnet_lite0"),
        ("miavs on efficientnet_lite0", "expected"),
    ),
    "no weights at all": (lambda: b"x", ("--weights", "."), ("weights is '.'", "is a folder")),
}


@pytest.mark.parametrize("what", WRONG)
def test_what_does_not_fit_is_one_sentence_and_leaves_no_run(what, evaluate, capsys):
    content, options, words = WRONG[what]
    code, folder = evaluate(content(), *options)
    err = capsys.readouterr().err
    assert code == 2 and not folder.exists()
    assert len(err.splitlines()) == 1 and "weights is '" in err and all(word in err for word in words), err


def test_another_ending_is_named(evaluate, capsys):
    code, folder = evaluate(b"x", name="official.ckpt")
    err = capsys.readouterr().err
    assert code == 2 and not folder.exists() and "ends in '.ckpt'" in err


def test_a_file_beside_it_is_offered(evaluate, tmp_path, capsys):
    Path(tmp_path / "oficial.pth").write_bytes(b"")
    assert evaluate(None)[0] == 2
    assert f"nearest: '{tmp_path / 'oficial.pth'}'" in capsys.readouterr().err
