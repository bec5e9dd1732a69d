"""``--mode doctor``: what this machine has, and what works on it."""

from __future__ import annotations

from experiments.modes.mode import Mode
from experiments.settings import DoctorSettings


def run(settings: DoctorSettings) -> None:
    from experiments.doctor import doctor

    doctor(settings)


DOCTOR = Mode(name="doctor", summary="what this machine has, and what works on it", settings=DoctorSettings, run=run)
