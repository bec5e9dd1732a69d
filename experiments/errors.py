"""What a user got wrong, in one sentence: the key, what was found, what was expected, the nearest valid choice; and the
exit codes of what ended early on purpose."""

from __future__ import annotations

from collections.abc import Iterable

from common.words import nearest, not_among

RESUME = 75  # EX_TEMPFAIL of sysexits.h: the same command with --resume goes on
INTERRUPTED = 130  # what shells say of Ctrl-C
PIPE_CLOSED = 141  # ... of one whose reader has gone


class UserError(ValueError):
    """Shown as its message alone, with exit code 2. Anything else that escapes is a bug and keeps its traceback."""


class Stopped(Exception):
    """A run ended before its last step, on purpose; its checkpoint is on disk. ``code``: the exit code."""

    def __init__(self, code: int = 0) -> None:
        super().__init__(code)
        self.code = code


def unknown(key: str, word: object, words: Iterable[object]) -> UserError:
    return UserError(not_among(key, word, words))


__all__ = ["INTERRUPTED", "PIPE_CLOSED", "RESUME", "Stopped", "UserError", "nearest", "unknown"]
