"""What a process reads of a step, how it is changed, and what happens to a process that reads."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from dataclasses import dataclass
from typing import Any

import pytest
import torch

from avs.augment.spec import AugmentSpec
from avs.clip import Clips
from experiments.errors import UserError
from experiments.training import loader
from experiments.training.frames import TrainingFrames, Wanted
from experiments.training.loader import Reading, explained, items, runs
from experiments.training.order import Order, Share
from tests.trainers import random_clips, settings, trainer

CPU = torch.device("cpu")
CHANGED = AugmentSpec(flip=0.5, crop=0.5, colour=0.3)


def frames(
    clips: Clips, share: Share, first: int = 0, spec: AugmentSpec = CHANGED, deaf: bool = False
) -> TrainingFrames:
    order = Order(clips, 4, seed=0)
    return TrainingFrames(clips, Wanted(order, share, first, 8), spec, deaf=deaf)


def by_frame(readings: list[TrainingFrames], workers: int = 0) -> dict[tuple[int, ...], Any]:
    """(clip, step) -> picture and mask, of all steps."""
    table = {}
    for reading in readings:
        for number, (clip_idx, batch) in enumerate(items(reading, workers, CPU)):
            step, _ = reading.places.place(number)
            for row, clip in enumerate(clip_idx.tolist()):
                table[step, clip, float(batch["logmel"][row].sum())] = batch["image"][row], batch["mask"][row]
    return table


def same(a: dict, b: dict) -> bool:
    return a.keys() == b.keys() and all(torch.equal(x, y) for key in a for x, y in zip(a[key], b[key], strict=True))


def test_a_frame_is_changed_alike_whoever_reads_it_and_whenever():
    clips = random_clips(8)
    alone = by_frame([frames(clips, Share())])
    assert len(alone) == 32
    assert same(alone, by_frame([frames(clips, Share(rank, 2)) for rank in (0, 1)]))
    assert same(alone, by_frame([frames(clips, Share(0, 1, 2))]))
    resumed = by_frame([frames(clips, Share(), first=5)])
    assert same({key: value for key, value in alone.items() if key[0] >= 5}, resumed)


def test_workers_read_the_same():
    clips = random_clips(8)
    assert same(by_frame([frames(clips, Share())]), by_frame([frames(clips, Share())], workers=2))


def test_the_same_frame_is_changed_otherwise_in_the_next_epoch():
    clips = random_clips(8)
    table = by_frame([frames(clips, Share())])
    (first,), (second,) = ([v for k, v in table.items() if k[1:] == key and (k[0] < 4) is early]
                           for key in [next(iter(table))[1:]] for early in (True, False))  # fmt: skip
    assert not torch.equal(first[0], second[0])


def test_a_sound_is_changed_where_that_is_asked_and_pictures_are_not_by_it():
    clips = random_clips(8)
    changed = list(items(frames(clips, Share(), spec=AugmentSpec(**vars(CHANGED) | {"sound": 0.5})), 0, CPU))
    still = list(items(frames(clips, Share()), 0, CPU))
    assert all(torch.equal(a["image"], b["image"]) for (_, a), (_, b) in zip(changed, still, strict=True))
    assert not any(torch.equal(a["logmel"], b["logmel"]) for (_, a), (_, b) in zip(changed, still, strict=True))


def test_the_deaf_hear_another_frame_and_see_their_own():
    clips, share = random_clips(8), Share()
    plain = [item for item in items(frames(clips, share, spec=AugmentSpec()), 0, CPU)]
    deaf = [item for item in items(frames(clips, share, spec=AugmentSpec(), deaf=True), 0, CPU)]
    for (_, a), (_, b) in zip(plain, deaf, strict=True):
        assert torch.equal(a["image"], b["image"]) and torch.equal(a["logmel"].roll(1, 0), b["logmel"])
        assert not torch.equal(a["logmel"], b["logmel"])
        assert torch.equal(a["heard"].roll(1, 0), b["heard"]), "and are told what they hear"


def test_rows_of_one_clip_are_read_together():
    assert runs(torch.tensor([3, 3, 1, 3])) == [slice(0, 2), slice(2, 3), slice(3, 4)]
    assert runs(torch.tensor([7])) == [slice(0, 1)]


@dataclass(frozen=True, kw_only=True)
class Deadly(Clips):
    """Reading clip 5 ends the process that does it; clip 6 has a file that is broken."""

    def frame_batch(self, clip_idx: torch.Tensor, frame_idx: torch.Tensor) -> dict[str, torch.Tensor]:
        if 5 in clip_idx.tolist():
            os.kill(os.getpid(), signal.SIGKILL)
        if 6 in clip_idx.tolist():
            raise ValueError("six.png is cut off")
        return super().frame_batch(clip_idx, frame_idx)


def test_a_reader_that_dies_is_told_with_its_clip(tmp_path):
    deadly = Deadly(**vars(random_clips(6)))
    with pytest.raises(UserError) as refusal:
        list(items(frames(deadly, Share(), spec=AugmentSpec()), 1, CPU))
    sentence = str(refusal.value)
    assert f"died while it read {deadly.name(5)}" in sentence


def test_a_reader_that_dies_while_it_hands_over_is_told_with_its_clip():
    """Torch then knows of a broken pipe alone."""
    reading = Reading(random_clips(6), [])
    lives, dies = (multiprocessing.get_context("fork").Process(target=time.sleep, args=(60,)) for _ in range(2))
    for process in (lives, dies):
        process.start()
    try:
        reading.at = torch.tensor([[lives.pid, 2], [dies.pid, 4]])
        dies.kill()
        for error in (ConnectionResetError("reset by peer"), EOFError()):
            assert f"died while it read {reading.clips.name(4)} (" in str(explained(error, reading))
        assert isinstance(explained(RuntimeError("another"), reading), RuntimeError)
    finally:
        lives.kill()
        lives.join()


def test_a_broken_pipe_without_a_death_stays_what_it_is(monkeypatch):
    monkeypatch.setattr(loader, "LAST_WORD", 0.1)
    error = ConnectionResetError("reset by peer")
    assert explained(error, Reading(random_clips(2), [])) is error


def test_a_broken_file_is_told_as_it_was_said(tmp_path):
    broken = Deadly(**vars(random_clips(8)))
    for workers in (0, 1):
        reading = frames(broken, Share(), spec=AugmentSpec())
        reading.wanted = [(torch.tensor([6]), torch.tensor([0]))]
        with pytest.raises((UserError, ValueError), match=r"^six.png is cut off$"):
            list(items(reading, workers, CPU))


def test_a_run_with_readers_is_the_run_without(tmp_path):
    from experiments.datasets import ChimesSettings
    from tests.trainers import run

    results = []
    for workers in (0, 2):
        of = settings(augment=CHANGED)
        of = type(of)(**{**vars(of), "data": ChimesSettings(workers=workers)})
        results.append(run(trainer(of, tmp_path / str(workers))).network.state_dict())
    assert all(torch.equal(results[0][name], results[1][name]) for name in results[0])
