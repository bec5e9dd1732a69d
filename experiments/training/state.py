"""All that a run has in memory, as plain tensors by name, and back; whole weights out of sharded ones.

Weights, and the optimizer's state by the names of weights, are torch's own state dicts, whole on the CPU: a checkpoint
says nothing of how many processes made it. The random state is each process's own; with another number of processes a
run goes on with other random numbers.
"""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.distributed.checkpoint.state_dict import (
    StateDictOptions,
    get_model_state_dict,
    get_state_dict,
    set_model_state_dict,
    set_optimizer_state_dict,
)

from experiments.errors import UserError
from experiments.training import checkpoint, processes
from experiments.training.criterion import Criterion
from experiments.training.finite import Random
from graph.lower import Network, lower

if TYPE_CHECKING:  # which imports this file
    from experiments.training.loop import Trainer

SAVED = StateDictOptions(full_state_dict=True, cpu_offload=True)
# Not strict: a parameter that never had a gradient has no state yet.
LOADED = StateDictOptions(full_state_dict=True, strict=False)
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def network_weights(criterion: Criterion) -> dict[str, Tensor]:
    """Those of the network, whole, in every process."""
    whole = get_model_state_dict(criterion, options=StateDictOptions(full_state_dict=True))
    own = {name.removeprefix("network."): v for name, v in whole.items() if name.startswith("network.")}
    return {name: value.detach() for name, value in own.items() if isinstance(value, Tensor)}


def plain(network: Network, weights: dict[str, Tensor], device: torch.device) -> Network:
    """A copy that nobody shares, with these weights."""
    twin: Network = lower(network.graph, network.dialect, task=network.task)
    twin.load_state_dict(weights)
    nn.Module.to(twin, device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    return twin


def _random(trainer: Trainer) -> list[dict[str, Tensor | None]]:
    """Of every process, by rank."""
    own = Random.now(trainer.generator, trainer.device)
    columns = {name: None if value is None else value[None] for name, value in vars(own).items()}
    everywhere = {
        name: None if value is None else processes.gathered(value.to(trainer.device)).cpu()
        for name, value in columns.items()
    }
    ranks = range(processes.world())
    return [{name: None if v is None else v[rank].clone() for name, v in everywhere.items()} for rank in ranks]


def collect(trainer: Trainer) -> dict[str, Any]:
    weights, optimizer = get_state_dict(trainer.criterion, trainer.optimizer.optimizer, options=SAVED)
    return {
        "weights": weights,
        "optimizer": optimizer,
        "scheduler": trainer.scheduler.state_dict(),
        "precision": trainer.fabric.strategy.precision.state_dict(),
        "average": trainer.average.state() if trainer.average is not None else None,
        "best": {"step": trainer.best.step, "score": trainer.best.score},
        "random": _random(trainer),
        "step": trainer.step,
        "seconds": trainer.seconds,
    }


def save(trainer: Trainer) -> None:
    """By the first process, of all; a full disk leaves the checkpoint before as it was."""
    content = collect(trainer)
    if not processes.first():
        return
    try:
        checkpoint.save(trainer.folder, content, before=trainer.saved, keep=trainer.settings.train.keep)
    except OSError as error:
        if error.errno not in FULL:
            raise
        there = f"that of step {trainer.saved} is whole" if trainer.saved else "there is none before it"
        raise UserError(
            f"the checkpoint of step {trainer.step} cannot be written to '{trainer.folder}' ({error.strerror}); "
            f"{there}: make room and continue with --resume"
        ) from error


def restore(trainer: Trainer) -> str:
    """-> what was passed over, in a sentence."""
    saved, told = checkpoint.load(trainer.folder)
    if saved is None:
        return told
    trainer.step, trainer.seconds = saved["step"], saved["seconds"]
    # First what trains: only that has a state in the optimizer.
    trainer.refreeze()
    set_model_state_dict(trainer.criterion, saved["weights"], options=StateDictOptions(full_state_dict=True))
    set_optimizer_state_dict(trainer.criterion, trainer.optimizer.optimizer, saved["optimizer"], options=LOADED)
    trainer.scheduler.load_state_dict(saved["scheduler"])
    trainer.fabric.strategy.precision.load_state_dict(saved["precision"])
    if trainer.average is not None:
        trainer.average.load(saved["average"])
    trainer.best.step, trainer.best.score = saved["best"]["step"], saved["best"]["score"]
    if len(saved["random"]) == processes.world():
        Random(**saved["random"][processes.rank()]).restore(trainer.generator, trainer.device)
    else:
        # Else every step would draw what the first ones drew.
        fresh = trainer.settings.seed + processes.rank() + processes.world() * trainer.step
        torch.manual_seed(fresh)
        trainer.generator.manual_seed(fresh)
    return told
