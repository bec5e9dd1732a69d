"""What a user of a tool got wrong is told as ``main.py`` tells it: one sentence, exit code 2."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec

from experiments.errors import UserError

Words = ParamSpec("Words")


def in_a_sentence(main: Callable[Words, int]) -> Callable[Words, int]:
    """``main`` of a tool: its ``UserError`` as the sentence and the exit code."""

    @wraps(main)
    def told(*args: Words.args, **kwargs: Words.kwargs) -> int:
        try:
            return main(*args, **kwargs)
        except UserError as error:
            print(error, file=sys.stderr)
            return 2

    return told
