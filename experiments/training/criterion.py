"""A network and what is minimised of it, as one module: what DDP and FSDP wrap, and what runs in a lower precision.

loss = task loss - weight x (mutual information) + penalty x (mean spike count per MAC)
       + change penalty x (mean change of a count between neighbouring frames, per MAC)
       + how far it is from its teacher (`avs.losses.distil`)
       + how badly it names what sounds and what is seen (`avs.losses.heard`, `avs.losses.seen`)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from avs import information
from avs.losses.distil import distil, features_of
from avs.losses.heard import Heard
from avs.losses.objective import objective
from avs.losses.seen import Seen
from avs.losses.spec import NAMED, reads
from experiments.datasets import DATASETS
from experiments.settings import InformationSettings, RunSettings
from experiments.training.counts import CountMeter
from experiments.training.recompute import recompute
from graph.graph import Graph
from graph.lower import Network
from graph.ops import Firing, Norm, Param

NAMING: dict[str, Callable[[Sequence[int], int], nn.Module]] = {"heard": Heard, "seen": Seen}


def information_term(settings: InformationSettings, network: Network) -> nn.Module | None:
    if not settings.weight:
        return None
    graph = network.graph
    shapes = {name: graph[value].shape for name, value in graph.outputs.items()}
    return information.term(
        settings.estimator, shapes, level=settings.level, bank_size=settings.bank, permuted=settings.permuted
    )


def naming_terms(settings: RunSettings, network: Network) -> nn.ModuleDict:
    """The classifiers that the loss asks for, by the part of it and of a batch."""
    graph, data = network.graph, settings.data
    classes = DATASETS[data.dataset].named(data)
    asked = [part for part in NAMED if getattr(settings.loss, part)]
    return nn.ModuleDict({p: NAMING[p](graph[graph.outputs[NAMED[p]]].shape, classes) for p in asked})


def may_be_unused(settings: RunSettings, graph: Graph) -> bool:
    """Whether some weights may have no gradient in some step: outside what the loss reads, frozen for a while, or in a
    critic that met no pair."""
    read = reads(settings.loss, graph.outputs)
    if settings.information.weight:
        read |= information.reads(settings.information.estimator, settings.information.level)
    if settings.teacher and settings.distil.features:
        read |= set(features_of(graph.outputs))
    left = graph.nodes.keys() - graph.pruned(sorted(read)).nodes.keys()
    idle = any(graph[name].op.weighted or isinstance(graph[name].op, Param | Norm | Firing) for name in left)
    return idle or bool(settings.train.freeze_epochs) or bool(settings.information.weight)


class Criterion(nn.Module):
    """``forward``: a batch, its clips [B] and a generator -> (the loss, each part of it by name)."""

    def __init__(self, network: Network, settings: RunSettings, teacher: Network | None = None) -> None:
        super().__init__()
        self.network = network
        self.__dict__["teacher"] = teacher  # not a child: it is neither trained nor saved
        self.information = information_term(settings.information, network)
        train = settings.train
        self.counts = CountMeter(network, train.rate_penalty > 0, pairs=train.change_penalty > 0)
        self.naming = naming_terms(settings, network)
        self.settings = settings
        if settings.train.recompute:
            recompute(network, self.counts.unheard)

    def forward(
        self, batch: dict[str, Tensor], clip_idx: Tensor, generator: torch.Generator
    ) -> tuple[Tensor, dict[str, Tensor]]:
        settings, target, labelled = self.settings, batch["mask"], batch["labelled"]
        outputs = self.network(image=batch["image"], logmel=batch["logmel"])
        parts = objective(outputs, target, settings.loss, clip=clip_idx, generator=generator, labelled=labelled)
        loss = parts.pop("loss")
        if self.information is not None:
            parts["information"] = self.information(outputs, target, clip_idx, generator, labelled)
            loss = loss - settings.information.weight * parts["information"]
        teacher: Network | None = self.__dict__["teacher"]
        if teacher is not None:
            with torch.no_grad():
                taught = teacher(image=batch["image"], logmel=batch["logmel"])
            followed = distil(outputs, taught, settings.distil)
            loss = loss + followed.pop("loss")
            parts |= followed
        for part, term in self.naming.items():
            parts[part] = term(outputs, batch[part])
            loss = loss + getattr(settings.loss, part) * parts[part]
        count = self.counts.take()
        if count is not None:
            parts["count"] = count
            loss = loss + settings.train.rate_penalty * count
        change = self.counts.take_change()
        if change is not None:
            parts["change"] = change
            loss = loss + settings.train.change_penalty * change
        return loss, {"loss": loss.detach(), **{name: value.detach() for name, value in parts.items()}}
