"""How points of a sweep end: well, badly, not yet; and what is said of it."""

from __future__ import annotations

import os
import signal
import threading
from itertools import accumulate

import pytest

from experiments.errors import UserError
from experiments.sweep import Point, SweepSettings
from experiments.sweep.driver import sweep
from experiments.sweep.lock import held, holder
from experiments.sweep.record import read_jobs
from experiments.sweep.same import check_settings
from tests.experiments.sweep_points import count, notes_of, point, processes, run, until


def states(folder) -> dict[str, str]:
    rows = [line.split(",") for line in (folder / "sweep.csv").read_text().splitlines()[1:]]
    return {row[1]: row[2] for row in rows}


def test_a_failure_is_told_in_its_last_words_when_all_that_need_it_not_are_done(tmp_path):
    bad = point(tmp_path, "bad", 2, "--ends", "3")
    with pytest.raises(UserError) as error:
        run([bad, point(tmp_path, "child", 1, after=(bad,)), point(tmp_path, "good", 4)], tmp_path)
    assert "--ends 3 --run" in str(error.value) and "failed with code 3: last words (see " in str(error.value)
    assert "\n" not in str(error.value)
    assert states(tmp_path) == {"bad": "failed", "child": "waiting", "good": "finished"}
    assert (tmp_path / "bad.out").read_text() == "first words\nlast words\n"


def at_once(notes) -> int:
    """The most points that worked at the same time."""
    changes = [{"starts": 1, "ends": -1}.get(note[1], 0) for note in notes]
    return max(accumulate(changes))


def test_no_more_than_the_limit_run_at_once(tmp_path):
    run([point(tmp_path, name, 15) for name in "abc"], tmp_path, parallel=2)
    assert at_once(notes_of(tmp_path)) == 2
    assert count(tmp_path, "ends") == 3


def test_a_point_waits_for_those_that_it_names_and_for_no_other(tmp_path):
    a, b = point(tmp_path, "a", 20), point(tmp_path, "b", 20)
    run([a, b, point(tmp_path, "free", 1), point(tmp_path, "bound", 1, after=(a, b))], tmp_path, parallel=4)
    notes = [note[:2] for note in notes_of(tmp_path)]
    assert max(notes.index(["a", "ends"]), notes.index(["b", "ends"])) < notes.index(["bound", "starts"])
    assert notes.index(["free", "ends"]) < notes.index(["a", "ends"])


def test_the_first_of_several_failures_is_told_and_the_others_counted(tmp_path):
    bad = [point(tmp_path, "bad", 2, "--ends", "3"), point(tmp_path, "worse", 6, "--ends", "-9")]
    with pytest.raises(UserError, match="code 3: last words .*; 1 more failed, see .*sweep.csv"):
        run(bad, tmp_path)
    with pytest.raises(UserError, match=r"was killed \(Killed\): last words"):
        run([point(tmp_path, "worst", 2, "--ends", "-9")], tmp_path)


def test_where_all_are_needed_the_first_failure_ends_the_others(tmp_path):
    with pytest.raises(UserError, match="last words"):
        run([point(tmp_path, "long", 100), point(tmp_path, "bad", 4, "--ends", "3")], tmp_path, go_on=False)
    assert processes(tmp_path) == {}
    assert [note[:2] for note in notes_of(tmp_path)][-1] == ["long", "saves"]


def test_code_75_is_resumed(tmp_path):
    run([point(tmp_path, "a", 4, "--ends", "75")], tmp_path)
    assert [note[1] for note in notes_of(tmp_path) if note[1] != "step"] == ["starts", "resumes", "ends"]
    assert states(tmp_path) == {"a": "finished"}


def test_who_never_finishes_is_not_resumed_for_ever(tmp_path):
    with pytest.raises(UserError, match=r"did not finish, and was resumed 1 times \(sweep.restarts\)"):
        run([Point(title="idle", run=tmp_path / "idle", program=("true",))], tmp_path, restarts=1)


def test_a_lost_job_is_resumed(tmp_path):
    """Its processes are killed, the driver is not."""
    points = [point(tmp_path, "a", 10)]

    def kill() -> None:
        until("it works", lambda: count(tmp_path, "step") >= 2)
        for process in processes(tmp_path):
            os.kill(process, signal.SIGKILL)

    thread = threading.Thread(target=kill)
    thread.start()
    run(points, tmp_path)
    thread.join()
    assert [note[1] for note in notes_of(tmp_path) if note[1] != "step"] == ["starts", "resumes", "ends"]


def test_at_the_time_limit_a_job_saves_and_is_queued_again(tmp_path):
    """submitit's own signal, sent by hand: the least time limit is a minute."""

    def warn() -> None:
        until("it works", lambda: count(tmp_path, "step") >= 2)
        (job,) = (process for process, command in processes(tmp_path).items() if "submitit.core" in command)
        os.kill(job, signal.SIGUSR2)

    thread = threading.Thread(target=warn)
    thread.start()
    run([point(tmp_path, "a", 10)], tmp_path, restarts=0)
    thread.join()
    assert [note[1] for note in notes_of(tmp_path) if note[1] != "step"] == ["starts", "saves", "resumes", "ends"]


def test_a_run_that_was_killed_at_birth_is_started(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / ".config.yaml.x1").write_text("mo")
    run([point(tmp_path, "a", 1)], tmp_path)
    assert states(tmp_path) == {"a": "finished"}


def test_points_that_could_be_confused_are_refused(tmp_path):
    a, b = point(tmp_path, "a", 1), point(tmp_path, "b", 1)
    with pytest.raises(UserError, match="two points of a sweep have the title 'point a'"):
        run([a, a], tmp_path)
    with pytest.raises(UserError, match="'point c' waits for 'point b', expected a point of the same sweep"):
        run([a, point(tmp_path, "c", 1, after=(b,))], tmp_path)
    assert notes_of(tmp_path) == []


def test_progress_is_the_last_whole_row_of_the_log(tmp_path):
    one = point(tmp_path, "a", 1)
    one.run.mkdir()
    for text, row in (
        ("", None),
        ("step,total,loss\n", None),
        ("step,total,loss\n3,9,0.5\n", (3, 9)),
        ("step,total,loss\n3", None),
        ("step,total,loss\n3,", None),
    ):
        (one.run / "log.csv").write_text(text)
        assert one.progress() == row


def test_settings_are_checked_before_anything_runs(tmp_path):
    """Those that cannot be, and those of another run than the one that is there."""

    def ann(*more: str) -> Point:
        return Point(title="an ANN", run=tmp_path / "run", arguments=("--mode", "ann", *more))

    first = Point(title="first", run=tmp_path / "first", arguments=("--mode", "ann"))
    with pytest.raises(UserError, match="'miavs'"):
        sweep([first, ann("--model.name", "miavz")], SweepSettings(), tmp_path)
    assert not list(tmp_path.glob("*.out"))
    check_settings(ann())
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "config.yaml").write_text("mode: ann\ntrain:\n  lr: 0.5\n  save_every: 7\n")
    with pytest.raises(UserError, match=r"--train.lr of 'an ANN' is 0.005, but its run '.*' was made with 0.5"):
        check_settings(ann())
    check_settings(ann("--train.lr", "0.5"))


def test_a_damaged_record_is_said(tmp_path):
    (tmp_path / "sweep.json").write_text('[{"run"')
    with pytest.raises(UserError, match="sweep.json is damaged"):
        read_jobs(tmp_path)


def test_a_lock_says_who_holds_it_and_ends_with_it(tmp_path):
    path = tmp_path / ".a.lock"
    assert holder(path) is None
    with held(path):
        who = holder(path)
        assert who is not None and who.process == os.getpid() and who.here
    assert holder(path) is None
