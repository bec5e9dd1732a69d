"""A network that computes values again keeps less, and is otherwise the same, to the last bit."""

from __future__ import annotations

import weakref

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from ann import ANN
from experiments.settings import InformationSettings, ModelSettings
from experiments.training.recompute import blocks, recompute
from graph.lower import lower
from graph.models import build
from graph.passes import spikify
from snn import SNN
from tests.trainers import random_clips, run, settings, trainer

# Dropout, memory between frames and neurons with time: each has something that must not happen twice.
CASES = {
    "ann": ("ann", ModelSettings(name="miavs", spec="micro"), 2),
    "dropout": ("ann", ModelSettings(name="etavs", spec="micro"), 5),
    "change": ("snn", ModelSettings(name="miavs", spec="micro"), 2),
    "lif": ("snn", ModelSettings(name="miavs", spec="micro"), 2),
    "qsd": ("ann", ModelSettings(name="qsd", spec="micro"), 5),
}


@pytest.mark.parametrize("case", CASES)
def test_training_is_the_same_to_the_last_bit(tmp_path, case):
    mode, model, frames = CASES[case]
    results = []
    for again in (False, True):
        of = settings(
            mode, model=model, recompute=again, batch=2 * frames, epochs=2, rate_penalty=0.1 if mode == "snn" else 0.0,
            information=InformationSettings(weight=0.1 if case == "ann" else 0.0),
            change_penalty=0.3 if case == "change" else 0.0,
        )  # fmt: skip
        one = run(trainer(of, tmp_path / f"run{again}", random_clips(4, frames=frames)))
        counts = one.criterion.counts
        assert counts.parts == counts.changes == [], "nothing is counted when it is computed again"
        results.append((one.network.state_dict(), (one.folder / "log.csv").read_text().splitlines()))
    (plain, log), (again, other_log) = results
    assert plain.keys() == again.keys()
    assert [name for name in plain if not torch.equal(plain[name], again[name])] == []
    strip = [[row.split(",")[0] + row.split(",", 3)[3] for row in rows] for rows in (log, other_log)]
    assert strip[0] == strip[1]


class Alive(TorchDispatchMode):
    """Storages that operations have made and that somebody still holds, autograd or a block among them."""

    def __init__(self) -> None:
        super().__init__()
        self.storages: dict[int, tuple[weakref.ref, int]] = {}

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        results = func(*args, **(kwargs or {}))
        for value in tree_leaves(results):
            if isinstance(value, torch.Tensor):
                storage = value.untyped_storage()
                self.storages[id(storage)] = weakref.ref(storage), storage.nbytes()
        return results

    @property
    def bytes(self) -> int:
        return sum(size for storage, size in self.storages.values() if storage() is not None)


@pytest.mark.parametrize("spiking", [False, True], ids=["ann", "snn"])
def test_less_is_kept(spiking):
    graph = build("miavs", "tiny").pruned(["mask"])
    graph, dialect = (spikify(graph), SNN) if spiking else (graph, ANN)
    kept = []
    for again in (False, True):
        torch.manual_seed(0)
        network = lower(graph, dialect).train()
        if again:
            recompute(network)
        inputs = {"image": torch.randn(2, 3, 64, 64), "logmel": torch.randn(2, 1, 96, 64)}
        with Alive() as alive:
            value = network(**inputs)["mask"]
            kept.append(alive.bytes)
            value.sum().backward()
    assert 0 < kept[1] < kept[0] / 2


def test_blocks_are_many_and_do_not_hold_each_other():
    network = lower(build("miavs", "tiny"), ANN)
    names = list(blocks(network))
    assert len(names) > 8 and any(name.startswith("backbone.") for name in names)
    assert not [(a, b) for a in names for b in names if a != b and a.startswith(f"{b}.")]
