"""Every parity case by the name of its vectors, and the checks of plain tables (metrics, log-mel)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tools.parity import av2ts, etavs, mask_transformer
from tools.parity.cases import Case
from tools.parity.run import Measured
from tools.parity.tables import metrics_and_audio

CASES: dict[str, Case] = {**mask_transformer.CASES, **etavs.CASES, **av2ts.CASES}
TABLES: tuple[Callable[[Path], list[Measured]], ...] = (metrics_and_audio,)
