"""The configs of AVSBench: each says what it is, what it costs and what is published, and none says a thing twice."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from experiments.cli import parse
from experiments.cli.files import Layer, layers
from experiments.cli.keys import leaves
from experiments.datasets import AvsbenchSettings
from experiments.modes.ann import AnnSettings
from graph.models import MODELS
from tests.experiments.config_costs import CLIPS, cost_line

ROOT = Path(__file__).parents[2]
FILES = sorted(str(p.relative_to(ROOT)) for p in (ROOT / "configs").rglob("*.yaml"))
AVSBENCH = [name for name in FILES if name.startswith("configs/avsbench/")]
RUNS = [name for name in AVSBENCH if (ROOT / name).read_text().startswith("# Command:")]
BASES = [name for name in AVSBENCH if name not in RUNS]
NO_FIGURE = "no figure is published for this setting"
FIGURE = re.compile(r"(mIoU \d+\.\d+(, F \d+\.\d+)?|J&F \d+\.\d+)\D.*\([A-Z].*\)")
SPIKING = ("released", "spikify", "lif")


# By family: rate, schedule, clip, backbone's rate; by family and variant: epochs (PVT-v2-B5), and frames of a step.
TRAINING = {
    "avsegformer": (2e-5, "constant", 0.0, 1.0),
    "miavs": (2e-5, "constant", 0.0, 1.0),
    "etavs": (6e-5, "constant", 0.0, 1.0),
    "av2ts": (1e-4, "poly", 0.01, 0.1),
    "qsd": (1e-4, "constant", 0.1, 0.5),
}
LENGTH = {
    "avsegformer": {"s4": (30, 2), "ms3": (60, 10), "avss": (30, 25)},
    "miavs": {"s4": (30, 6), "ms3": (30, 30), "avss": (30, 25)},
    "etavs": {"s4": (30, 20), "ms3": (60, 20), "avss": (30, 30)},
    "av2ts": {"s4": (209, 20), "ms3": (541, 20), "avss": (54, 20)},
    "qsd": {"s4": (12, 5), "ms3": (12, 5), "avss": (12, 5)},
}
# Weights above 0, where they are not those of dice alone.
LOSSES = {
    ("avsegformer", "avss"): {"ce": 1.0, "feature": 0.1},
    ("miavs", "avss"): {"ce": 1.0, "feature": 0.1},
    ("miavs", "ms3"): {"dice": 1.0},
    ("etavs", "ms3"): {"dice": 1.0, "bce": 1.0},
    ("etavs", "avss"): {"ce": 1.0},
    ("qsd", "avss"): {"ce": 1.0},
    **{("av2ts", data): {"set": 1.0} for data in CLIPS},
}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A working folder with the configs, an empty data set and files of the names that they ask for."""
    (tmp_path / "configs").symlink_to(ROOT / "configs")
    (tmp_path / "data" / "AVSBench").mkdir(parents=True)
    (tmp_path / "pretrained").mkdir()
    for name in ("pvt_v2_b5", "resnet50-19c8e357", "vggish-10086976"):
        (tmp_path / "pretrained" / f"{name}.pth").touch()
    (tmp_path / "pretrained" / "audiotransformer_mini_mAP_4896.pt").touch()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def flat(values: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in values.items():
        found |= flat(value, f"{prefix}{key}.") if isinstance(value, dict) else {f"{prefix}{key}": value}
    return found


def repeated(stack: list[Layer]) -> list[str]:
    """Keys that the topmost layer sets to what those below it say already."""
    below: dict[str, Any] = {}
    for layer in stack[:-1]:
        below |= flat(layer.values)
    return [key for key, value in flat(stack[-1].values).items() if key in below and below[key] == value]


def test_every_family_has_every_variant_on_both_backbones():
    wanted = {
        f"configs/avsbench/{family}/{data}_{backbone}.yaml"
        for family in MODELS
        for data in CLIPS
        for backbone in ("r50", "pvt2")
    }
    wanted |= {f"configs/avsbench/miavs/{form}.yaml" for form in SPIKING}
    assert set(RUNS) == wanted


@pytest.mark.parametrize("name", RUNS)
def test_a_config_says_its_command_its_cost_and_what_is_published(name, folder):
    command, cost, expected = (folder / name).read_text().splitlines()[:3]
    found = re.fullmatch(r"# Command:  python main\.py --mode (\w+) --config (\S+)", command)
    assert found is not None and found[2] == name
    assert cost == f"# Cost:     {cost_line(name)}"
    told = expected.removeprefix("# Expected: ")
    assert told.startswith(NO_FIGURE) or FIGURE.fullmatch(told), told
    for line in (command, cost, expected):
        assert len(line) <= 120


@pytest.mark.parametrize("name", RUNS)
def test_a_config_is_its_family_its_variant_and_its_backbone(name, folder):
    settings = parse(["--config", name])
    family, stem = Path(name).parent.name, Path(name).stem
    data, _, backbone = ("s4", "", "pvt2") if stem in SPIKING else stem.partition("_")
    assert (settings.model.name, settings.data.variant) == (family, data)
    assert (settings.model.backbone == "resnet50") == (backbone == "r50")
    assert ("resnet50" in settings.model.backbone_weights) == (backbone == "r50")
    assert settings.mode == ("snn" if stem in SPIKING else "ann")
    assert settings.run == f"runs/avsbench-{family}-{stem}-{settings.mode}"


@pytest.mark.parametrize("family", MODELS)
@pytest.mark.parametrize("data", CLIPS)
def test_what_is_trained_is_what_is_published(family, data, folder):
    settings = parse(["--config", f"configs/avsbench/{family}/{data}_pvt2.yaml"])
    train, loss = settings.train, settings.loss
    assert (train.lr, train.schedule, train.clip, train.backbone_lr) == TRAINING[family]
    assert (train.epochs, train.batch) == LENGTH[family][data]
    assert train.warmup == 0
    usual = {"etavs": {"dice": 1.0}, "qsd": {"dice": 5.0, "bce": 2.0}}.get(family, {"dice": 1.0, "feature": 0.1})
    found = {key: weight for key in ("dice", "bce", "ce", "feature", "set") if (weight := getattr(loss, key))}
    assert found == LOSSES.get((family, data), usual)
    assert bool(settings.information.weight) == (family == "miavs" and data != "s4")


@pytest.mark.parametrize("name", FILES)
def test_a_config_repeats_nothing_of_its_bases(name, folder):
    assert not repeated(layers(name))


def test_a_repetition_is_seen():
    lower = Layer(name="a", values={"seed": 1, "train": {"lr": 1e-4, "clip": 0.0}})
    assert repeated([lower, Layer(name="b", values={"train": {"lr": 1e-4, "clip": 1.0}, "mode": "ann"})]) == [
        "train.lr"
    ]


def test_every_base_is_of_use_and_has_keys_of_a_run(folder):
    used = {layer.name for name in RUNS for layer in layers(name)[:-1]}
    assert set(BASES) <= used
    known = {setting.key for setting in leaves(AnnSettings, chosen={"data": AvsbenchSettings})}
    for name in BASES:
        assert (folder / name).read_text().startswith("# ")
        assert set(flat(layers(name)[-1].values)) <= known


@pytest.mark.parametrize("variant", CLIPS)
def test_the_number_of_clips_is_that_of_the_data(variant):
    header = (ROOT / "configs" / "avsbench" / f"{variant}.yaml").read_text().splitlines()[0]
    assert f" {CLIPS[variant]} / " in header
