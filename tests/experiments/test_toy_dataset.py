"""A dataset is added from outside, through what is public alone, trains, is scored, and leaves nothing behind."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import pytest
import torch

from avs.clip import Clips
from experiments import datasets
from experiments.cli import main, parse
from experiments.datasets import DATASETS, SPLITS, Dataset, DataSettings, Folder
from experiments.errors import UserError, unknown
from experiments.run_folder import read_json

FRAMES, SIDE = 2, 64


@dataclass(frozen=True, kw_only=True)
class ToySettings(DataSettings):
    """``grains``: which are 5. ``root``: where the toy is not lost."""

    dataset: str = "toy"
    variant: str = "plain"
    grains: int = 5
    root: str = ""


class Noise(Clips):
    """Random pictures, sounds and masks; of no object is known what it sounds."""

    def meters(self) -> list[Any]:
        return [Seen()]

    def resounded(self) -> dict[str, Clips]:
        return {"mute": replace(self, logmel=torch.zeros_like(self.logmel))}


class Seen:
    """A score of the toy's own: how many frames it was shown."""

    def __init__(self) -> None:
        self.frames = 0

    def update(self, clip_idx, logits, batch):
        self.frames += len(logits)

    def compute(self) -> dict[str, float]:
        return {"toy_frames": float(self.frames)}


def noise(data, name, count):
    random = torch.Generator().manual_seed(SPLITS.index(name))
    clips = (count, FRAMES)
    return Noise(
        frames=torch.randint(256, (*clips, 3, SIDE, SIDE), generator=random, dtype=torch.uint8),
        logmel=torch.randn(*clips, 1, 96, 64, generator=random),
        masks=torch.randint(2, (*clips, SIDE, SIDE), generator=random, dtype=torch.uint8),
        labelled=torch.ones(clips, dtype=torch.bool),
        valid=torch.ones(clips, dtype=torch.bool),
        slots=torch.zeros(*clips, SIDE, SIDE, dtype=torch.uint8),
        classes=torch.zeros(count, 0, dtype=torch.long),
        sounding=torch.zeros(*clips, 0, dtype=torch.bool),
    )


def check(data):
    if data.grains != 5:
        raise unknown("data.grains", data.grains, [5])


def report(root, variant, build_logmels):
    print(f"{root.name} {variant} {build_logmels}")


def whole(data, counts):
    if data.root == "lost":
        raise UserError(f"the toy is lost, expected {sum(counts.values())} clips of it")


TOY = Dataset(
    name="toy",
    settings=ToySettings,
    variants=("plain", "odd"),
    usual={"train": 2, "val": 2, "test": 3},
    grid=True,
    split=noise,
    channels=lambda data: 1,
    frames=lambda data: FRAMES,
    side=lambda data: SIDE,
    check=check,
    whole=whole,
    folder=Folder(holds="toys", report=report),
)
TRAIN = (
    "--mode", "ann", "--data.dataset", "toy", "--train.batch", "2", "--train.epochs", "1",
)  # fmt: skip


def sentence(capsys) -> str:
    out, err = capsys.readouterr()
    assert not out and len(err.splitlines()) == 1
    return err


@pytest.fixture
def toy():
    with DATASETS.including():
        datasets.register(TOY)
        yield
    assert "toy" not in DATASETS


def test_a_dataset_from_outside_trains_and_is_scored(toy, tmp_path, capsys):
    folder = tmp_path / "toy"
    assert main([*TRAIN, "--run", str(folder)]) == 0, capsys.readouterr().err
    metrics = read_json(folder / "metrics.json")
    assert (metrics["dataset"], metrics["variant"], metrics["clips"]) == ("toy", "plain", 3)
    assert metrics["toy_frames"] == 3 * FRAMES and len(metrics["miou_per_clip"]) == 3
    assert "miou_mute_audio" in metrics and "miou_swap_audio" not in metrics
    assert (folder / "log.csv").read_text().splitlines()[-1].startswith("2,2,")


@pytest.mark.parametrize(
    "words, expected",
    [
        ("--data.variant s4", "data.variant of toy is 's4', expected one of plain, odd"),
        ("--data.variant od", "data.variant of toy is 'od', expected one of plain, odd; nearest: 'odd'"),
        ("--data.grains 4", "data.grains is '4', expected one of 5"),
        (
            "--data.grain 5",
            "--data.grain is no option of mode ann, expected one that --help lists; nearest: '--data.gr",
        ),
        ("--data.classes 5", "--data.classes is no key of dataset toy; chimes has it"),
        ("--data.cache here", "--data.cache is no key of dataset toy; chimes and avsbench have it"),
        ("--data.image 32", "data.image is 32, expected 64, the side of clips of toy, or 0"),
        ("--model.spec full", "but clips of toy have 64"),
        ("--data.root lost", "the toy is lost, expected 7 clips of it"),
    ],
)
def test_a_mistake_about_it_is_one_sentence(words, expected, toy, tmp_path, capsys):
    assert main([*TRAIN, "--run", str(tmp_path / "toy"), *words.split()]) == 2
    assert expected in sentence(capsys)
    assert not list(tmp_path.iterdir())


def test_help_and_the_mode_data_know_it(toy, tmp_path, capsys):
    assert main(["--mode", "ann", "--help"]) == 0
    out = capsys.readouterr().out
    assert "one of chimes, avsbench, stamps, toy" in out and "--data.classes" in out and "--data.grains" not in out
    assert main(["--mode", "ann", "--data.dataset", "toy", "--help"]) == 0
    out = capsys.readouterr().out
    assert "grains: which are 5." in " ".join(out.split()).replace("`", "") and "--data.classes" not in out
    assert all(f"--data.{key}" in out for key in ("grains", "root", "train", "workers")) and "one of plain, odd" in out
    assert main(["--mode", "data", "--dataset", "toy", "--root", str(tmp_path), "--variant", "odd"]) == 0
    assert capsys.readouterr().out == f"{tmp_path.name} odd False\n"
    assert main(["--mode", "data", "--dataset", "toy"]) == 2
    assert "--root is missing, expected the folder that holds toys" in sentence(capsys)
    assert main(["--mode", "data", "--dataset", "toy", "--root", str(tmp_path), "--variant", "avss"]) == 2
    assert "variant of toy is 'avss', expected one of all, plain, odd" in sentence(capsys)


def test_settings_of_one_dataset_are_none_of_another(toy, tmp_path, capsys):
    """On the command line, in a file, and under a file that says the dataset."""
    config = tmp_path / "toy.yaml"
    config.write_text("mode: ann\ndata: {dataset: toy, grains: 5}\n")
    assert parse(["--config", str(config), "--run", "new"]).data == ToySettings()
    assert main(["--config", str(config), "--data.dataset", "chimes"]) == 2
    assert sentence(capsys) == f"{config}: 'data.grains' is no key of dataset chimes; toy has it\n"
    config.write_text("mode: ann\ndata: {dataset: toy, classes: 5}\n")
    assert main(["--config", str(config)]) == 2
    assert sentence(capsys) == f"{config}: 'data.classes' is no key of dataset toy; chimes has it\n"
    assert main(["--mode", "ann", "--data.root", "x"]) == 2
    assert sentence(capsys) == "--data.root is no key of dataset chimes; avsbench and stamps and toy have it\n"


def test_without_it_there_is_no_such_word(tmp_path, capsys):
    assert main([*TRAIN, "--run", str(tmp_path / "toy")]) == 2
    assert "data.dataset is 'toy', expected one of chimes, avsbench" in sentence(capsys)


def test_a_dataset_says_how_many_clips_are_usual():
    with pytest.raises(ValueError, match="dataset toy: usual has train, expected train, val, test"):
        replace(TOY, usual={"train": 1})
    with pytest.raises(ValueError, match="dataset noise: the field dataset of ToySettings is 'toy', expected"):
        replace(TOY, name="noise")
    with pytest.raises(ValueError, match="dataset toy: the field dataset of DataSettings is ''"):
        replace(TOY, settings=DataSettings)
