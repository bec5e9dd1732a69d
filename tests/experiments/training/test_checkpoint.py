"""Checkpoints: the last few are kept, a damaged one is passed over, a full disk costs nothing that was saved."""

from __future__ import annotations

import errno
import os
import resource
from pathlib import Path

import pytest
import torch

from experiments.errors import Stopped, UserError
from experiments.training import checkpoint
from tests.trainers import random_clips, run, settings, trainer


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.name.startswith((".", "state")))


def test_the_last_ones_are_kept_and_the_newest_has_the_short_name(tmp_path):
    for step in (10, 20, 30, 40):
        checkpoint.save(tmp_path, {"step": step}, before=step - 10, keep=3)
    assert names(tmp_path) == ["state-000020.pt", "state-000030.pt", "state.pt"]
    state, told = checkpoint.load(tmp_path)
    assert state is not None and state["step"] == 40 and told == ""


def test_one_is_kept_where_one_is_asked_for(tmp_path):
    for step in (10, 20):
        checkpoint.save(tmp_path, {"step": step}, before=step - 10, keep=1)
    assert names(tmp_path) == ["state.pt"]


@pytest.mark.parametrize("left", [0, 1, 100, 0.5, 0.99])
def test_a_truncated_one_is_passed_over_and_that_is_said(tmp_path, left):
    for step in (10, 20):
        checkpoint.save(tmp_path, {"step": step, "weights": torch.zeros(500)}, before=step - 10, keep=2)
    newest = tmp_path / "state.pt"
    size = newest.stat().st_size
    os.truncate(newest, int(left if left >= 1 else left * size))
    state, told = checkpoint.load(tmp_path)
    assert state is not None and state["step"] == 10
    assert told == f"{newest} cannot be read as a checkpoint; going on from {tmp_path / 'state-000010.pt'}, step 10"


def test_of_an_older_version_and_none_before_is_said_not_hidden(tmp_path):
    torch.save({"step": 3}, tmp_path / "state.pt")
    with pytest.raises(UserError, match="state.pt cannot be read as a checkpoint of this version"):
        checkpoint.load(tmp_path)
    assert (tmp_path / "state.pt").exists()


def test_a_run_that_was_killed_before_its_first_starts_again(tmp_path):
    assert checkpoint.load(tmp_path) == (None, "")


def test_a_resumed_run_goes_on_from_the_one_before_and_ends_the_same(tmp_path):
    of = settings(epochs=2, save_every=2)
    whole = run(trainer(of, tmp_path / "whole"))
    part = trainer(settings(epochs=2, save_every=2, stop_after=5), tmp_path / "part")
    with pytest.raises(Stopped):
        run(part)
    assert names(part.folder) == ["state-000004.pt", "state.pt"]
    newest = part.folder / "state.pt"
    newest.write_bytes(newest.read_bytes()[:-1000])
    again = trainer(of, tmp_path / "part")
    assert "step 4" in again.restore()
    run(again)
    pairs = zip(whole.network.state_dict().values(), again.network.state_dict().values(), strict=True)
    assert all(torch.equal(a, b) for a, b in pairs)


def test_a_disk_that_is_full_leaves_the_one_before_whole(tmp_path):
    """The limit of a file's size stands for the disk's: the same call fails, with another number."""
    one = trainer(settings(save_every=2, stop_after=3), tmp_path / "run")
    with pytest.raises(Stopped):
        run(one)
    before = (one.folder / "state.pt").read_bytes()
    one.step += 1
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) // 2, limits[1]))
    try:
        with pytest.raises(UserError) as refusal:
            one.save()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    sentence = str(refusal.value)
    assert "the checkpoint of step 4 cannot be written" in sentence and "that of step 3 is whole" in sentence
    assert "--resume" in sentence
    assert (one.folder / "state.pt").read_bytes() == before
    assert [name for name in names(one.folder) if name.startswith(".")] == []
    fresh = trainer(settings(save_every=2), tmp_path / "run")
    fresh.restore()
    assert fresh.step == 3


def test_another_error_of_the_disk_is_not_taken_for_a_full_one(tmp_path, monkeypatch):
    one = trainer(settings(), tmp_path / "run")

    def fail(*_, **__):
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(checkpoint, "save", fail)
    with pytest.raises(OSError, match="Input/output"):
        one.save()


def test_what_a_step_changed_is_saved_once(tmp_path, monkeypatch):
    saves = []
    save = checkpoint.save
    monkeypatch.setattr(checkpoint, "save", lambda *a, **k: (saves.append(a[1]["step"]), save(*a, **k)))
    run(trainer(settings(save_every=2), tmp_path / "run", random_clips(8)))
    assert saves == [2, 4]
