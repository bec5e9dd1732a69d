"""How a sweep is run: where, how much of it at once, and what one job may take."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from typing import Literal

from common.choices import check_choices
from experiments.errors import UserError
from experiments.limits import within

SLURM_COMMANDS = ("sbatch", "srun", "sacct", "scancel")


@dataclass(frozen=True, kw_only=True)
class SweepSettings:
    """``executor``: processes of this machine, or jobs of a SLURM cluster; ``parallel``: runs at once; ``minutes`` of
    one job, at whose end it saves and is queued again; ``restarts``: how often a run may ask to be resumed.

    What a job gets on a cluster: ``partition``, ``cpus``, ``memory`` in GB and ``gpus``; empty or 0: its usual."""

    executor: Literal["local", "slurm"] = "local"
    parallel: int = within(2, least=1)
    minutes: int = within(1440, least=1)
    restarts: int = within(10, least=0)
    partition: str = ""
    cpus: int = within(0, least=0)
    memory: int = within(0, least=0)
    gpus: int = within(0, least=0)

    def __post_init__(self) -> None:
        check_choices(self, "sweep")


def check(settings: SweepSettings) -> None:
    """What this machine has not got."""
    for name in SLURM_COMMANDS if settings.executor == "slurm" else ():
        if shutil.which(name) is None:
            raise UserError(
                f"sweep.executor is 'slurm', but this machine has no command {name}, expected 'local', or a machine "
                "that submits to a SLURM cluster"
            )
