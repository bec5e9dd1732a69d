"""Whether a run that is continued has the settings that it was started with."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, NamedTuple

# What may differ between a run and its continuation without changing its numbers, but for the order of sums.
FREE = (
    "resume", "overwrite", "run", "replay", "device", "train.stop_after", "train.save_every", "train.log_every",
    "train.keep", "train.threads", "train.accumulate", "fabric.devices", "fabric.nodes", "data.workers", "data.cache",
    "data.root",
)  # fmt: skip


class Change(NamedTuple):
    key: str
    before: Any
    now: Any


def _flat(values: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in values.items():
        flat |= _flat(value, f"{prefix}{key}.") if isinstance(value, dict) else {f"{prefix}{key}": value}
    return flat


def first_change(before: Any, now: Any) -> Change | None:
    """Of two settings (dataclasses): the first key that must not differ and does."""
    old, new = _flat(asdict(before)), _flat(asdict(now))
    changes = (Change(key, old.get(key), value) for key, value in new.items() if key not in FREE)
    return next((change for change in changes if change.before != change.now), None)
