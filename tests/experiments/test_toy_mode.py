"""A mode is added from outside, through what is public alone, and leaves nothing behind."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import pytest

from common.choices import check_choices
from experiments import modes
from experiments.cli import main
from experiments.errors import UserError
from experiments.limits import within
from experiments.modes import MODES, Mode


@dataclass(frozen=True, kw_only=True)
class GreetSettings:
    """``words``: how often; ``manner``: how."""

    mode: str = "greet"
    words: int = within(1, least=1, most=3)
    manner: Literal["kind", "curt"] = "kind"
    whom: str = "you"

    def __post_init__(self) -> None:
        check_choices(self, "greet")


def refuse_nobody(settings: GreetSettings) -> None:
    if not settings.whom:
        raise UserError("whom is '', expected a name")


def greet(settings: GreetSettings) -> None:
    print(" ".join(["hello"] * settings.words), settings.whom, settings.manner)


GREET = Mode(
    name="greet",
    summary="say hello",
    settings=GreetSettings,
    run=greet,
    aliases={"to": "whom"},
    choices={"whom": lambda: ("you", "me", "")},
    check=refuse_nobody,
)


def sentence(capsys) -> str:
    out, err = capsys.readouterr()
    assert not out and len(err.splitlines()) == 1
    return err


def test_a_mode_from_outside_runs_like_any_other(tmp_path, capsys):
    config = tmp_path / "greet.yaml"
    config.write_text("mode: greet\nwords: 2\n")
    assert main(["--config", str(config), "--to", "me"], extra=(GREET,)) == 0
    assert capsys.readouterr().out == "hello hello me kind\n"
    assert main(["--help"], extra=(GREET,)) == 0
    assert "  greet    say hello\n" in capsys.readouterr().out
    assert main(["--mode", "greet", "--help"], extra=(GREET,)) == 0
    out = capsys.readouterr().out
    assert all(word in out for word in ("--manner X", "one of kind, curt", "1 to 3", "also --to"))


@pytest.mark.parametrize(
    "words, expected",
    [
        ("--maner curt", "--maner is no option of mode greet, expected one that --help lists; nearest: '--manner'"),
        ("--manner crut", "greet.manner is 'crut', expected one of kind, curt; nearest: 'curt'"),
        ("--words 4", "words is 4, expected 1 to 3"),
        ("--words many", "--words is 'many', expected a whole number"),
        ("--whom he", "whom is 'he', expected one of you, me"),
        ("--whom=", "whom is '', expected a name"),
    ],
)
def test_a_mistake_in_it_is_one_sentence(words, expected, capsys):
    assert main(["--mode", "greet", *words.split()], extra=(GREET,)) == 2
    assert expected in sentence(capsys)


def test_a_mode_is_there_only_as_long_as_it_is_asked_for(monkeypatch, capsys):
    assert main(["--mode", "greet"]) == 2
    assert "--mode is 'greet', expected one of ann, snn" in sentence(capsys)
    with MODES.including():
        modes.register(GREET)
        assert main(["--mode", "greet"]) == 0
        with pytest.raises(ValueError, match="mode 'greet' is there already"):
            modes.register(GREET)
    assert "greet" not in MODES
    with pytest.raises(ValueError, match="'welcome': the field mode of GreetSettings is 'greet'"):
        replace(GREET, name="welcome")
