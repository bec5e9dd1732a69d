"""Two processes are one: the same losses, weights and scores, each from its own half of every batch."""

from __future__ import annotations

import pytest

from experiments.settings import FabricSettings
from tests import processes_work
from tests.processes import together
from tests.processes_work import BATCH, CLIPS
from tests.trainers import FRAMES, random_clips, settings, trainer

EXACT = ("plain", "single", "spiking", "parts")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    base = tmp_path_factory.mktemp("processes")
    for name in ("one", "two"):
        (base / name).mkdir()
    return base


@pytest.fixture(scope="module")
def alone(folder):
    return processes_work.everything(folder / "one")


@pytest.fixture(scope="module")
def shared(folder):
    return together("everything", folder / "two")


@pytest.mark.timeout(240)
@pytest.mark.parametrize("name", EXACT)
def test_losses_and_weights_are_those_of_one(alone, shared, name):
    assert shared[0][name]["losses"] == pytest.approx(alone[name]["losses"], abs=1e-5)
    assert len(alone[name]["losses"]) >= 4
    assert shared[0][name]["weights"] == pytest.approx(alone[name]["weights"], rel=1e-6)
    assert shared[1][name]["weights"] == shared[0][name]["weights"], "nobody goes a way of his own"


@pytest.mark.timeout(240)
def test_scores_are_those_of_all_clips_in_every_process(alone, shared):
    """Of an odd number of clips, so that the processes have unequal parts."""
    for key in ("miou", "fscore", "per_clip"):
        assert shared[0]["plain"][key] == pytest.approx(alone["plain"][key], abs=1e-9)
        assert shared[1]["plain"][key] == shared[0]["plain"][key]
    assert len(set(alone["plain"]["per_clip"])) > 1
    assert shared[0]["classes"] == shared[1]["classes"] == pytest.approx(alone["classes"])


@pytest.mark.timeout(240)
@pytest.mark.parametrize("name", ["plain", "parts"])
def test_no_process_reads_what_another_reads(alone, shared, name):
    ranks = [{tuple(row) for row in shared[rank][name]["read"]} for rank in (0, 1)]
    assert not ranks[0] & ranks[1]
    assert ranks[0] | ranks[1] == {tuple(row) for row in alone[name]["read"]}
    assert len(ranks[0]) == len(ranks[1]) > 0
    first_epoch = [row for row in alone[name]["read"] if row[0] < CLIPS * FRAMES / BATCH]
    assert len({tuple(row[1:]) for row in first_epoch}) == CLIPS * FRAMES


@pytest.mark.timeout(240)
def test_in_half_precision_it_trains(alone, shared):
    for result in (alone, shared[0]):
        losses = result["low"]["losses"]
        assert sum(losses[-4:]) / 4 < losses[0] - 0.01
    assert shared[0]["low"]["losses"][0] == pytest.approx(alone["low"]["losses"][0], abs=0.02)


@pytest.mark.timeout(240)
def test_what_two_saved_one_continues(shared, folder):
    of = settings(batch=BATCH, epochs=3, lr=1e-3, fabric=FabricSettings(precision="64-true"))
    one = trainer(of, folder / "two" / "plain", random_clips(CLIPS))
    assert one.restore() == "" and one.step == 12
    assert processes_work.checksum(one) == pytest.approx(shared[0]["plain"]["weights"], rel=1e-12)
    moments = [state["exp_avg"] for state in one.optimizer.optimizer.state.values()]
    assert moments and any(bool(m.any()) for m in moments)


@pytest.mark.timeout(240)
def test_sharded_weights_train_as_whole_ones(alone, folder):
    """FSDP keeps a part of the weights in each process; the first step is DDP's, and the rest within rounding."""
    ranks = together("sharded", folder / "two")
    assert ranks[0]["losses"] == pytest.approx(alone["single"]["losses"], abs=1e-5)
    assert ranks[0]["weights"] == ranks[1]["weights"] == pytest.approx(alone["single"]["weights"], rel=1e-6)
    assert ranks[0]["per_clip"] == ranks[1]["per_clip"]
