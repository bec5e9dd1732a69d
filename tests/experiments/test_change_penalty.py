"""The change penalty reads neighbouring frames in pairs, and is the mean change of a count per MAC."""

from __future__ import annotations

import pytest
import torch

from avs.chimes import ChimesSpec, generate
from experiments.errors import UserError
from experiments.training.counts import CountMeter
from experiments.training.order import Order, frames_together
from graph.lower import lower
from graph.models import build
from graph.neuron import Neuron
from graph.passes import SpikeSpec, driven_macs, spikify
from snn import SNN
from tests.trainers import run, settings, trainer


@pytest.mark.parametrize("steps", [1, 3])
def test_it_is_what_a_count_by_hand_finds(steps):
    torch.manual_seed(0)
    neuron = Neuron(levels=4) if steps == 1 else Neuron(kind="lif", levels=1)
    graph = spikify(build("miavs", "micro").pruned(["mask"]), SpikeSpec(neuron=neuron, steps=steps))
    module, seen = lower(graph, SNN), {}
    meter = CountMeter(module, penalised=False, pairs=True)
    for name in driven_macs(graph):
        module.get_submodule(name).register_forward_hook(
            lambda m, i, o, name=name: seen.__setitem__(name, o.detach().clone())
        )
    module.train()(image=torch.randn(4, 3, 32, 32), logmel=torch.randn(4, 1, 96, 64))
    driven, total = driven_macs(graph), 0.0
    for name, counts in seen.items():
        change = 0.0
        for step in range(steps):
            for first in (0, 2):
                a, b = counts[step * 4 + first], counts[step * 4 + first + 1]
                change += float((b - a).abs().sum())
        total += driven[name] * change / (2 * a.numel())
    assert total > 0
    made = meter.take_change()
    assert float(made.detach()) == pytest.approx(total / sum(driven.values()), rel=1e-4)
    made.backward()
    assert float(module.get_submodule("backbone.stage1.0.norm1").bias.grad.abs().sum()) > 0
    assert meter.take_change() is None


def test_frames_are_read_as_neighbours():
    clips = generate(ChimesSpec(fps=5, frames=2), "train", 3)
    order = Order(clips, 8, 0, window=2)
    whole = torch.cat([torch.stack(order.frames(order.units_at(step))) for step in range(order.steps)], 1)
    clip, frame = whole.reshape(2, -1, 2)
    assert (clip[:, 0] == clip[:, 1]).all() and (frame[:, 1] - frame[:, 0] == 1).all()
    assert frame.max() < clips.frames_per_clip, "an odd last frame has no neighbour"


def test_a_run_pulls_it_down_and_logs_it(tmp_path):
    """The same steps with and without: counts change less where it is asked for."""
    found = []
    for weight in (1e-9, 3.0):
        one = run(trainer(settings("snn", change_penalty=weight, epochs=6, batch=8), tmp_path / str(weight)))
        assert "change" in one.terms
        found.append(float(one.terms["change"]))
    assert found[1] < 0.9 * found[0]


def test_networks_of_several_frames_are_refused():
    with pytest.raises(UserError, match="looks at .* frames at once, expected 0"):
        frames_together(settings("snn", change_penalty=0.1), build("etavs", "micro"))
    assert frames_together(settings("snn"), build("etavs", "micro")) > 1
