"""``--mode doctor``: what is installed and what the toolkit will use. Changes nothing."""

from __future__ import annotations

from dataclasses import dataclass

from experiments.modes import Mode


@dataclass(frozen=True, kw_only=True)
class DoctorSettings:
    mode: str = "doctor"


def doctor(settings: DoctorSettings) -> None:
    from tools.doctor_report import show

    show()


DOCTOR = Mode(name="doctor", summary="what this machine has, and what works on it", settings=DoctorSettings, run=doctor)
