"""What a user of stamps can cause."""

from __future__ import annotations


class StampsError(ValueError):
    """One sentence, which says what to do."""
