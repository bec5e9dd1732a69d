"""A sweep that was killed, and is called again, ends as one that was not; and who is asked to end leaves nobody."""

from __future__ import annotations

import os
import signal
import subprocess
from collections import Counter

import pytest

from experiments.errors import UserError
from tests.experiments.sweep_points import count, driver, notes_of, point, processes, run, six, two_work, until

TABLE = """title,run,state,miou,train_seconds
point a,a,finished,{0},1.0
point b,b,finished,{1},1.0
point e,e,finished,{0},1.0
point c,c,finished,{2},1.0
point d,d,finished,{3},1.0
point f,f,finished,{0},1.0
"""


def table(steps: int) -> str:
    return TABLE.format(*((steps + i) / 100 for i in range(4)))


def each_ran_once(folder, steps: int) -> None:
    """Each point started once, did each of its steps, one at a time, ended once."""
    words = Counter((note[0], note[1]) for note in notes_of(folder))
    assert not count(folder, "twice")
    assert {name: words[name, "starts"] for name in "abcdef"} == dict.fromkeys("abcdef", 1)
    assert {name: words[name, "ends"] for name in "abcdef"} == dict.fromkeys("abcdef", 1)
    order = [note[0] for note in notes_of(folder) if note[1] == "starts"]
    ends = [(note[0], note[1]) for note in notes_of(folder)]
    assert set(order) == set("abcdef")
    for later, first in (("e", "a"), ("f", "a"), ("f", "b")):
        assert ends.index((first, "ends")) < ends.index((later, "starts"))


def test_an_undisturbed_sweep_runs_each_point_once(tmp_path):
    run(six(tmp_path, 3), tmp_path)
    each_ran_once(tmp_path, 3)
    assert count(tmp_path, "resumes") == 0
    assert (tmp_path / "sweep.csv").read_text() == table(3)
    assert processes(tmp_path) == {}

    # Called again, it has nothing to do.
    before = notes_of(tmp_path)
    run(six(tmp_path, 3), tmp_path)
    assert notes_of(tmp_path) == before
    assert (tmp_path / "sweep.csv").read_text() == table(3)


@pytest.mark.slow
def test_six_points_killed_twice_run_once_each_and_fill_the_same_table(tmp_path):
    """First the driver alone: its two points work on, and are adopted. Then everybody."""
    steps = 30
    with driver(tmp_path, steps) as first:
        two_work(tmp_path)
        first.kill()
    assert (tmp_path / "sweep.csv").read_text().count("waiting") == 6
    done = count(tmp_path, "step")
    with driver(tmp_path, steps) as second:
        until("points work on without a driver", lambda: count(tmp_path, "step") >= done + 4)
        until("others have started", lambda: count(tmp_path, "starts") == 4 and count(tmp_path, "step") > 70)
        second.kill()
    for process in processes(tmp_path):
        os.kill(process, signal.SIGKILL)
    until("all are dead", lambda: not processes(tmp_path))
    assert count(tmp_path, "resumes") == 0, "a point that worked on was started again"
    run(six(tmp_path, steps), tmp_path)
    each_ran_once(tmp_path, steps)
    assert count(tmp_path, "resumes") == 2
    assert (tmp_path / "sweep.csv").read_text() == table(steps)
    assert processes(tmp_path) == {}


def test_a_point_that_outlived_its_driver_is_waited_for(tmp_path):
    """The short form of the above: driver and jobs are gone, the command works on and holds the lock."""
    points = [point(tmp_path, "a", 25), point(tmp_path, "b", 2)]
    with driver(tmp_path, 25) as first:
        two_work(tmp_path)
        first.kill()
    for process, command in processes(tmp_path).items():
        if "submitit" in command:
            os.kill(process, signal.SIGKILL)
    assert count(tmp_path, "ends") == 0
    run(points[:1], tmp_path)
    words = Counter(note[1] for note in notes_of(tmp_path) if note[0] == "a")
    assert (words["starts"], words["resumes"], words["ends"], words["twice"]) == (1, 0, 1, 0)
    until("b has ended", lambda: not processes(tmp_path))


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, -signal.SIGINT), (signal.SIGTERM, 75)])
def test_a_driver_that_is_asked_to_end_lets_its_points_save_and_leaves_nobody(tmp_path, capfd, number, code):
    with driver(tmp_path, 100) as process:
        two_work(tmp_path)
        os.killpg(process.pid, number)  # as a terminal does: everybody in front hears it
        assert process.wait(90) == code
        assert processes(tmp_path) == {}
    assert count(tmp_path, "saves") == 2
    assert count(tmp_path, "resumes") == count(tmp_path, "ends") == 0
    assert "submitit" not in capfd.readouterr().err, "a job's process shows its own traceback"


def test_points_of_a_dead_driver_are_ended_too(tmp_path):
    with driver(tmp_path, 100) as first:
        two_work(tmp_path)
        first.kill()
    with driver(tmp_path, 100) as second:
        until("the second waits for both", lambda: sum("submitit.core" in c for c in processes(tmp_path).values()) == 4)
        second.terminate()
        assert second.wait(30) == 75
    until("all have ended", lambda: not processes(tmp_path), 10)
    assert count(tmp_path, "saves") == 2
    assert count(tmp_path, "resumes") == 0


def test_who_does_not_save_is_killed_at_a_second_signal(tmp_path):
    with driver(tmp_path, 100) as process:
        two_work(tmp_path)
        stopped = [p for p, command in processes(tmp_path).items() if "sweep_work" in command]
        for p in stopped:
            os.kill(p, signal.SIGSTOP)  # hears nothing but SIGKILL
        process.terminate()
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(2)
        process.terminate()
        assert process.wait(90) == 75
    until("all have ended", lambda: not processes(tmp_path), 10)
    assert count(tmp_path, "saves") == 0


def test_a_sweep_has_one_driver(tmp_path):
    with driver(tmp_path, 100) as process:
        two_work(tmp_path)
        with pytest.raises(UserError, match=f"is being run by process {process.pid} on "):
            run(six(tmp_path, 100), tmp_path)
        process.terminate()
        assert process.wait(90) == 75
