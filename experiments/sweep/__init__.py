"""Sweeps: many runs of ``main.py`` on submitit, here or on a SLURM cluster; one table that fills as they finish.

``experiments.sweep.driver.sweep(points, settings, folder)``. All that a sweep knows lies in files, so a sweep that was
killed is continued by the same call, and every point is run once:

* A point is *finished* when its run has a ``metrics.json``, *started* when it has a ``config.yaml``: what is finished
  is not run again, what was started is continued with ``--resume``. Its settings must be those of the run.
* Whoever runs a point holds a lock on a file beside the run (``.NAME.lock``, ``flock``): the job takes it, and the
  command that it starts inherits it. The kernel lets go of it when the last of both has ended, however it ended.
* If only the driver is killed, its jobs work on. The next driver starts a job for every point that is not finished; a
  job waits for the lock, and then looks again: what another has finished meanwhile it leaves as it is. So a point that
  still runs is adopted by waiting for it, and nothing runs twice at once, however many drivers came and went.
* A cluster's jobs may wait for long. Their numbers are in ``sweep.json``, and the next driver watches those that the
  cluster still knows instead of queueing others. Locks across nodes need a file system that has them (NFS does).
* Ctrl-C or SIGTERM of the driver ends the jobs, adopted ones too, and waits until every command has saved and ended.
* A command that ends with code 75 ("resume me") or is lost with its job is started again, at most ``restarts`` times. A
  job at its time limit saves and queues itself again (submitit's ``checkpoint``).
"""

from experiments.sweep.point import Point
from experiments.sweep.settings import SweepSettings

__all__ = ["Point", "SweepSettings"]
