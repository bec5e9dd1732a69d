"""``--mode convert``: a run of mode ann -> a spiking run."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from common.choices import check_choices
from experiments.limits import within
from experiments.modes.mode import Mode
from experiments.settings import SpikingSettings


@dataclass(frozen=True, kw_only=True)
class CalibrateSettings:
    """Frames and ``percentile`` that set each site's step after conversion; 0: of several the one that brings the masks
    nearest to the ANN's on those frames. ``channels``: a step for each channel where weights can absorb it.
    ``statistics``: of the ANN's norms meanwhile; "batch" where running ones leave the spiking network nearly silent."""

    frames: int = within(64, least=1)
    percentile: float = within(0.99, least=0, most=1)
    channels: bool = False
    statistics: Literal["running", "batch"] = "running"

    def __post_init__(self) -> None:
        check_choices(self, "calibrate")


@dataclass(frozen=True, kw_only=True)
class ExactSettings:
    """``bits``: fractional bits of weights and thresholds on the dyadic grid. ``weight_bits``: of a weight, per output
    channel; 0: as many as that grid makes them. ``frames``: how many the event runner executes; without one nothing
    is called exact. ``settle``: how many it executes with neurons that fire one event a step, up or down, too.

    "exact" is claimed only where deployment keeps what was trained. ``folded``: least share of equal counts, trained
    against folded; ``lost``: the most mIoU lost from trained to deployed."""

    bits: int = within(12, least=1)
    weight_bits: int = within(8, least=0, most=16)
    frames: int = within(3, least=0)
    settle: int = within(0, least=0)
    folded: float = within(0.999, least=0, most=1)
    lost: float = within(0.01, least=0, most=1)


@dataclass(frozen=True, kw_only=True)
class SearchSettings:
    """D is halved site by site, after training, as long as mIoU on val stays within ``loss`` of what it was; 0: it is
    not. ``clips`` of val that are scored each time, 0: all."""

    loss: float = within(0.0, least=0, most=1)
    clips: int = within(0, least=0)


@dataclass(frozen=True, kw_only=True)
class ConvertSettings(SpikingSettings):
    """ANN run -> spiking run. On the command line ``source`` is ``--from``. ``init``: a spiking run to train on from,
    its steps too; nothing is calibrated then. ``curve``: steps T of the rate curve."""

    mode: str = "convert"
    source: str = ""
    calibrate: CalibrateSettings = field(default_factory=CalibrateSettings)
    search: SearchSettings = field(default_factory=SearchSettings)
    exact: ExactSettings = field(default_factory=ExactSettings)
    curve: tuple[int, ...] = (1, 2, 4, 8)

    @property
    def teacher(self) -> str:
        return self.distil.teacher or self.source if self.distil.any else ""


def run(settings: ConvertSettings) -> None:
    from experiments.convert_mode import convert

    convert(settings)


CONVERT = Mode(
    name="convert",
    summary="ANN run -> spiking run, checked event by event (--from RUN)",
    settings=ConvertSettings,
    run=run,
    reads="source",
    needs_run=True,
    aliases={"from": "source"},
)
