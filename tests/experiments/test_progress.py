"""Progress where nobody watches a bar: a line every 10 s, one at the end, none twice."""

from __future__ import annotations

import io

import pytest
from rich.progress import Progress

from experiments import progress
from experiments.progress import Lines, bars, duration, watched


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


class Stream(io.StringIO):
    flushes = 0

    def flush(self) -> None:
        self.flushes += 1


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def stream():
    return Stream()


@pytest.fixture
def lines(clock, stream):
    return Lines(stream, clock)


def test_a_line_every_ten_seconds_and_one_at_the_end(lines, clock, stream):
    with lines:
        task = lines.add_task("ann demo", total=1000, note="")
        for step in range(1, 1001):
            clock.now = step / 4
            lines.update(task, advance=1, note=f"loss {1 / step:.3f}")
    said = stream.getvalue().splitlines()
    assert said[0] == "ann demo  40/1000 (4 %), 4/s, 240 s left, loss 0.025"
    assert said[-1] == "ann demo  1000/1000 (100 %), 4/s, took 250 s, loss 0.001"
    assert len(said) == 25 and stream.flushes == 25


def test_nothing_is_said_twice(lines, clock, stream):
    with lines:
        task = lines.add_task("job", total=None, note="starting")
        for second in range(100):
            clock.now = float(second)
            lines.update(task, note="starting")
        lines.update(task, completed=5, total=5, note="evaluating")
        lines.update(task, completed=5, total=5, note="evaluating")
        lines.update(task, note="done")
    assert stream.getvalue().splitlines() == [
        "job  starting",
        "job  5/5 (100 %), 0.051/s, took 99 s, evaluating",
        "job  5/5 (100 %), 0.051/s, took 99 s, done",
    ]


def test_tasks_speak_for_themselves_and_what_stops_says_where(lines, clock, stream):
    with lines:
        quick, slow = lines.add_task("quick", total=2, note=""), lines.add_task("slow", total=100, note="")
        clock.now = 1.0
        lines.advance(quick)
        lines.advance(slow)
        assert not stream.getvalue()
        lines.advance(quick)
        clock.now = 2.0
        lines.advance(slow, 9)
    assert stream.getvalue().splitlines() == [
        "quick  2/2 (100 %), 2/s, took 1 s",
        "slow  10/100 (10 %), 5/s, 18 s left",
    ]


def test_what_was_done_before_does_not_count_as_fast(lines, clock, stream):
    """A continued run begins in the middle."""
    task = lines.add_task("resumed", total=1000, completed=900, note="")
    clock.now = 20.0
    lines.update(task, completed=910)
    assert stream.getvalue() == "resumed  910/1000 (91 %), 0.5/s, 180 s left\n"


def test_an_empty_task_and_one_that_has_not_begun(lines, clock, stream):
    with lines:
        lines.add_task("nothing", total=0, note="")
        waiting = lines.add_task("waiting", total=3, start=False, note="")
        clock.now = 11.0
        lines.update(waiting, note="soon")
    assert stream.getvalue().splitlines() == ["waiting  0/3 (0 %), soon", "nothing  0/0 (100 %)"]


@pytest.mark.parametrize(
    "seconds, text", [(0.4, "0 s"), (599, "599 s"), (600, "10 min"), (7199, "120 min"), (9000, "2.5 h")]
)
def test_a_duration_is_short(seconds, text):
    assert duration(seconds) == text


def test_a_pipe_gets_lines_and_a_terminal_bars(monkeypatch, capsys):
    monkeypatch.delenv("FORCE_COLOR", raising=False)
    monkeypatch.delenv("TTY_COMPATIBLE", raising=False)
    assert isinstance(bars(), Lines)
    assert list(watched("abc", "letters", 3)) == ["a", "b", "c"]
    assert capsys.readouterr().out.startswith("letters  3/3 (100 %)")
    monkeypatch.setattr(progress.Console, "is_terminal", True)
    monkeypatch.setattr(progress.Console, "is_dumb_terminal", False)
    assert type(bars()) is Progress
