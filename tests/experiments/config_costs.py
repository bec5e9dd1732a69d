"""The cost of training a config of AVSBench, as its second line says it, from the settings and the graph alone."""

from __future__ import annotations

from experiments.cli import parse
from experiments.dataset import mask_channels
from experiments.model import model_spec
from experiments.modes.snn import SnnSettings
from experiments.network import FORMS
from graph.models import build
from graph.passes import cost, fold, lint

CLIPS = {"s4": 3452, "ms3": 296, "avss": 8498}


def cost_line(config: str) -> str:
    settings = parse(["--config", config])
    spec = model_spec(settings.model, mask_channels(settings.data), settings.data.image)
    graph = build(settings.model.name, spec).pruned(["mask"])
    epochs = f"{settings.train.epochs} epochs of {CLIPS[settings.data.variant]} clips"
    if not isinstance(settings, SnnSettings):
        found = cost(graph)
        return f"{found.macs / 1e9:.2f} G MACs a frame, {found.parameters / 1e6:.2f} M parameters, {epochs}"
    graph = FORMS[settings.spikes.form](graph, settings.neuron, settings.spikes)
    found, share = cost(graph), lint(fold(graph)[0]).spike_fed_share
    return (
        f"{found.macs / 1e9:.2f} G MACs a frame and step, {share:.1%} driven by spikes, "
        f"{found.parameters / 1e6:.2f} M parameters, {epochs}"
    )
