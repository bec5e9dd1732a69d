"""Points as submitit jobs: how they are submitted, and how those of an earlier driver are found again."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import submitit
from submitit.helpers import environment_variables

from experiments.sweep.job import PointJob
from experiments.sweep.point import MAIN, Point
from experiments.sweep.settings import SweepSettings

# Of a terminal's Ctrl-C and its closing, which reach everything in front of it, only the driver may make sense.
TERMINAL = {signal.SIGINT, signal.SIGHUP}
NOTICE = 120  # seconds between a cluster's warning and the time limit, or a quarter of a short one
UNKNOWN = "UNKNOWN"


class Executor:
    """``folder``: where submitit keeps its own files."""

    def __init__(self, settings: SweepSettings, folder: Path) -> None:
        self.folder, self.local = folder, settings.executor == "local"
        limits = {f"{settings.executor}_max_num_timeout": settings.restarts}
        self.submitit = submitit.AutoExecutor(folder, cluster=settings.executor, **limits)
        self.submitit.update_parameters(
            timeout_min=settings.minutes,
            cpus_per_task=settings.cpus or None,
            mem_gb=settings.memory or None,
            gpus_per_node=settings.gpus or None,
            slurm_partition=settings.partition or None,
            slurm_signal_delay_s=min(NOTICE, 15 * settings.minutes),
        )

    def submit(self, point: Point) -> submitit.Job[int]:
        job = PointJob(point, local=self.local, environment=self._environment())
        path = os.pathsep.join(filter(None, (str(MAIN.parent), os.environ.get("PYTHONPATH"))))
        self.submitit.update_parameters(name=point.run.name)
        # A blocked signal stays so in what is started here. Here it waits.
        signal.pthread_sigmask(signal.SIG_BLOCK, TERMINAL)
        try:
            # The job must find this package, wherever it is started.
            with environment_variables(PYTHONPATH=path):
                return self.submitit.submit(job)
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, TERMINAL)

    def _environment(self) -> dict[str, str | None]:
        """submitit hides the GPUs from a local job that asks for none."""
        changed = ("PYTHONPATH", "CUDA_VISIBLE_DEVICES") if self.local else ("PYTHONPATH",)
        return {name: os.environ.get(name) for name in changed}

    def adopt(self, entry: dict[str, Any]) -> submitit.Job[int] | None:
        """A cluster's job that an earlier driver submitted, unless it is over or the cluster knows nothing of it. Local
        ones need no adoption, their lock is waited for."""
        if entry.get("executor") != "slurm":
            return None
        job: submitit.Job[int] = submitit.SlurmJob(folder=self.folder, job_id=entry["job"])
        return None if job.done(force_check=True) or job.state == UNKNOWN else job
