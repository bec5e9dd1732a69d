"""A sweep on a SLURM cluster, as far as one can be played here: its commands, as small scripts that start processes."""

from __future__ import annotations

import os
import signal
import sys
from itertools import count as count_from

import pytest

from experiments.errors import UserError
from tests.experiments.sweep_points import count, driver, notes_of, point, processes, run, six, two_work, until

# A folder for each job: its script, its state. A job runs in the background, as its own group.
CLUSTER = f"""#!{sys.executable}
import os, pathlib, re, signal, subprocess, sys
jobs = pathlib.Path(__file__).parent / "queue"
jobs.mkdir(exist_ok=True)
command, words = pathlib.Path(sys.argv[0]).name, sys.argv[1:]

def launch(job):
    environment = dict(os.environ, SLURM_JOB_ID=job.name, SLURM_NTASKS="1", SLURM_PROCID="0", SLURM_JOB_NUM_NODES="1")
    line = f"cd {{job}}; bash script; [ -e again ] && rm again && bash script; touch over"
    child = subprocess.Popen(["bash", "-c", line], env=environment, start_new_session=True,
                             stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    (job / "pid").write_text(str(child.pid))

if command == "sbatch":
    job = jobs / str(FIRST + len(list(jobs.iterdir())))
    job.mkdir()
    (job / "script").write_text(pathlib.Path(words[-1]).read_text())
    launch(job)
    print("Submitted batch job", job.name)
elif command == "srun":
    files = {{}}
    while words[0].startswith("--"):
        option = words.pop(0)
        if option in ("--output", "--error"):
            files[option] = words.pop(0).replace("%j", os.environ["SLURM_JOB_ID"]).replace("%t", "0")
    with open(files["--output"], "a") as out, open(files["--error"], "a") as error:
        sys.exit(subprocess.call(words, stdout=out, stderr=error))
elif command == "sacct":
    print("JobID|State|NodeList")
    for job in jobs.iterdir():
        if job.name in words:
            print(f"{{job.name}}|{{'COMPLETED' if (job / 'over').exists() else 'RUNNING'}}|here")
elif command == "scancel":
    os.killpg(int((jobs / words[0] / "pid").read_text()), signal.SIGTERM)
elif command == "scontrol":
    (jobs / words[1] / "again").touch()
"""
NUMBERS = count_from(1, 100)


@pytest.fixture
def cluster(tmp_path, monkeypatch):
    """Its commands, first on the path; -> the folder of its jobs."""
    commands = tmp_path / "bin"
    commands.mkdir()
    # A cluster never gives a number twice, and submitit remembers those that are over.
    (commands / "cluster.py").write_text(CLUSTER.replace("FIRST", str(next(NUMBERS))))
    (commands / "cluster.py").chmod(0o755)
    for name in ("sbatch", "srun", "sacct", "scancel", "scontrol"):
        (commands / name).symlink_to("cluster.py")
    monkeypatch.setenv("PATH", f"{commands}{os.pathsep}{os.environ['PATH']}")
    return commands / "queue"


def test_a_sweep_runs_as_jobs_of_the_cluster(tmp_path, cluster):
    folder = tmp_path / "sweep"
    points = [point(folder, "a", 2), point(folder, "b", 2, "--ends", "75")]
    run([*points, point(folder, "c", 1, after=(points[0],))], folder, executor="slurm", partition="gpu", minutes=90)
    assert (folder / "sweep.csv").read_text().count("finished") == 3
    assert [note[:2] for note in notes_of(folder) if note[1] == "resumes"] == [["b", "resumes"]]
    assert len(list(cluster.iterdir())) == 4
    script = min(cluster.iterdir(), key=lambda job: int(job.name)).joinpath("script").read_text()
    for line in ("--partition=gpu", "--time=90", "--job-name=a", "--signal=USR2@120"):
        assert f"#SBATCH {line}" in script
    assert "gpus" not in script


def test_a_failure_there_is_told_in_its_last_words(tmp_path, cluster):
    with pytest.raises(UserError, match="failed with code 3: last words"):
        run([point(tmp_path / "s", "a", 2, "--ends", "3")], tmp_path / "s", executor="slurm")


@pytest.mark.slow
def test_at_its_time_limit_a_job_saves_and_is_queued_again(tmp_path, cluster):
    folder = tmp_path / "sweep"
    with driver(folder, 15, "slurm") as process:
        two_work(folder)
        jobs = [p for p, command in processes(folder).items() if command.startswith(f"{sys.executable} -u -m submitit")]
        for job in jobs:
            os.kill(job, signal.SIGUSR2)
        assert process.wait(60) == 0
    assert count(folder, "saves") == count(folder, "resumes") == len(jobs) == 2
    assert count(folder, "ends") == 6
    assert len(list(cluster.iterdir())) == 6, "a job was submitted again, expected it to be queued again"


@pytest.mark.slow
def test_jobs_of_a_dead_driver_are_watched_not_queued_again(tmp_path, cluster):
    folder = tmp_path / "sweep"
    with driver(folder, 20, "slurm") as first:
        two_work(folder)
        first.kill()
    run(six(folder, 20), folder, executor="slurm")
    assert count(folder, "ends") == count(folder, "starts") == 6
    assert count(folder, "resumes") == count(folder, "twice") == 0
    assert len(list(cluster.iterdir())) == 6


def test_ending_the_driver_cancels_its_jobs(tmp_path, cluster):
    folder = tmp_path / "sweep"
    with driver(folder, 100, "slurm") as process:
        two_work(folder)
        process.terminate()
        assert process.wait(30) == 75
    until("all have ended", lambda: not processes(folder), 10)
    assert count(folder, "saves") == 2
