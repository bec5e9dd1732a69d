"""``--mode export``: a run as a file that others execute."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from experiments.limits import within
from experiments.modes.mode import Mode


@dataclass(frozen=True, kw_only=True)
class ExportSettings:
    """``run``: what it deploys is written. ``to``: onnx (any number of frames; onnxruntime), qonnx (every site one
    MultiThreshold; the executor of the package qonnx), torch (torch.export, read without this project) or nir (the
    parts that NIR can hold). ``out``: the file; default, in the run's folder; export.json beside it
    says more. ``frames``: of one call (qonnx), 0: as few as the network looks at together."""

    mode: str = "export"
    run: str = ""
    to: str = "onnx"
    out: str = ""
    frames: int = within(0, least=0)


def run(settings: ExportSettings) -> None:
    from experiments.exporting.mode import export

    export(settings)


def targets() -> Iterable[str]:
    from experiments.exporting import TARGETS

    return TARGETS


EXPORT = Mode(
    name="export",
    summary="a run as a file that others execute (--run RUN --to onnx|qonnx|torch|nir)",
    settings=ExportSettings,
    run=run,
    reads="run",
    needs_run=True,
    choices={"to": targets},
)
