"""The nearest of some names, and the sentence around it."""

from __future__ import annotations

import pytest

from common.words import nearest, not_among

NAMES = ["mode", "model", "train.epochs", "train.lr", "data.root"]


@pytest.mark.parametrize(
    ("word", "name"),
    [
        ("modle", "model"),  # the same letters, not the likelier spelling "mode"
        ("mod", "mode"),
        ("epochs", "train.epochs"),  # the same last part
        ("loss.lr", "train.lr"),
        ("train.epoch", "train.epochs"),
        ("data.rot", "data.root"),
        ("model", "model"),
    ],
)
def test_the_nearest(word, name):
    assert nearest(word, NAMES) == name


def test_what_is_no_text_is_compared_as_text():
    assert nearest(21, [2, 12, 300]) == "12"


def test_of_no_names_none_is_nearest():
    assert nearest("a", []) == ""


def test_of_equally_near_names_the_first():
    assert nearest("ab", ["xy", "zw"]) == "xy"


def test_the_sentence_has_key_word_choices_and_the_nearest():
    text = not_among("train.schedule", "cosin", (name for name in ("cosine", "poly")))
    assert text == "train.schedule is 'cosin', expected one of cosine, poly; nearest: 'cosine'"
