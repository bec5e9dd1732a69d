"""One training loop for every dialect, on Lightning Fabric.

Loss = task loss + weight x -(mutual information) + penalty x (mean spike count per MAC). A step reads ``batch`` random
labelled frames. Resuming continues to the same weights, bit for bit.
"""

from __future__ import annotations

import csv
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from lightning_fabric import Fabric
from rich.progress import Progress
from torch import Tensor, nn
from torch.utils.tensorboard import SummaryWriter

from avs import information
from avs.losses.objective import objective
from avs.split import Split
from common.files import write_whole
from experiments import checkpoint
from experiments.dataset import steps_per_epoch, training_order
from experiments.device import device_of, moved
from experiments.freezing import freeze
from experiments.host_memory import keep_freed_memory
from experiments.model import model_spec
from experiments.modes.ann import AnnSettings
from experiments.schedule import learning_rate
from experiments.settings import RunSettings, TrainSettings
from graph.infer import window
from graph.lower import Network
from graph.passes import driven_macs
from layers.site import SpikeSite


class Stopped(Exception):
    """The run ended before its last step, on purpose; its checkpoint is on disk."""


def parameter_groups(modules: list[nn.Module], train: TrainSettings) -> list[dict[str, Any]]:
    """Weight decay on matrices and kernels only: not on norms, biases, or steps of sites. ``share``: of the rate."""
    named = [pair for m in modules for pair in m.named_parameters()]

    def group(backbone: bool, matrices: bool) -> dict[str, Any]:
        chosen = [p for n, p in named if n.startswith("backbone.") == backbone and (p.ndim > 1) == matrices]
        share = train.backbone_lr if backbone else 1.0
        return {"params": chosen, "weight_decay": train.weight_decay if matrices else 0.0, "share": share}

    return [group(False, True), group(False, False), group(True, True), group(True, False)]


class CountMeter:
    """Mean |count| per MAC in the last training forward: each site's mean, weighted by the MACs that its spikes drive.

    Over all steps, so T steps of rate r count as T r. ``penalised``: keep its gradient.
    """

    def __init__(self, module: Network, penalised: bool) -> None:
        graph = module.graph
        driven = driven_macs(graph)
        self.penalised, self.steps, self.total = penalised, graph.steps, sum(driven.values())
        self.parts: list[Tensor] = []
        for name, macs in driven.items():
            module.get_submodule(name).register_forward_hook(partial(self._seen, macs))

    def _seen(self, macs: int, site: SpikeSite, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        if not site.training:
            return
        mean = output.abs().mean()
        self.parts.append((mean if self.penalised else mean.detach()) * (macs * self.steps))

    def take(self) -> Tensor | None:
        """The mean since the last call, or None where nothing spikes."""
        if not self.parts:
            return None
        mean = torch.stack(self.parts).sum() / self.total
        self.parts = []
        return mean


@dataclass
class Trainer:
    settings: RunSettings
    folder: Path
    module: Network
    clips: Split
    step: int = 0
    seconds: float = 0.0
    losses: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        train = self.settings.train
        torch.set_num_threads(train.threads)
        keep_freed_memory()
        self.window = window(self.module.graph)
        epoch = steps_per_epoch(self.clips, train.batch, self.window)
        self.frozen, self.thaw = model_spec(self.settings.model).frozen, train.freeze_epochs * epoch
        self.total = train.epochs * epoch
        self.device = device_of(self.settings.device)
        devices: Any = 1 if self.device.index is None else [self.device.index]
        self.fabric = Fabric(accelerator=self.device.type, devices=devices)
        nn.Module.to(self.module, self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.information = self._information()
        self.modules = [self.module, *([self.information] if self.information else [])]
        self.optimizer = torch.optim.AdamW(parameter_groups(self.modules, train), lr=train.lr, fused=True)
        self.names = checkpoint.parameter_names(*self.modules)
        self.generator = torch.Generator().manual_seed(self.settings.seed)
        self.counts = CountMeter(self.module, train.rate_penalty > 0)
        torch.manual_seed(self.settings.seed)

    def _information(self) -> nn.Module | None:
        chosen = self.settings.information
        if not chosen.weight:
            return None
        graph = self.module.graph
        shapes = {name: graph[value].shape for name, value in graph.outputs.items()}
        term = information.term(chosen.estimator, shapes, level=chosen.level, bank_size=chosen.bank)
        return term.to(self.device)

    def _freeze(self) -> None:
        still = ("backbone",) if self.step < self.thaw else ()
        freeze(self.module, (*self.frozen, *still))

    def restore(self) -> None:
        state = checkpoint.load(self.folder)
        if state is None:
            return
        for module, saved in zip(self.modules, state["modules"], strict=True):
            module.load_state_dict(saved)
        checkpoint.restore_named(self.optimizer, self.names, state["optimizer"])
        self.generator.set_state(state["generator"])
        torch.set_rng_state(state["torch"])
        if self.device.type == "cuda" and state.get("cuda") is not None:
            torch.cuda.set_rng_state(state["cuda"], self.device)
        self.step, self.seconds = state["step"], state["seconds"]

    def save(self) -> None:
        checkpoint.save(
            self.folder,
            {
                "modules": [m.state_dict() for m in self.modules],
                "optimizer": checkpoint.named_state(self.optimizer, self.names),
                "generator": self.generator.get_state(),
                "torch": torch.get_rng_state(),
                "cuda": torch.cuda.get_rng_state(self.device) if self.device.type == "cuda" else None,
                "step": self.step,
                "seconds": self.seconds,
            },
        )

    def loss(self, batch: dict[str, Tensor], clip_idx: Tensor) -> tuple[Tensor, dict[str, float]]:
        outputs = self.module(image=batch["image"], logmel=batch["logmel"])
        target, labelled = batch["mask"], batch["labelled"]
        parts = objective(
            outputs, target, self.settings.loss, clip=clip_idx, generator=self.generator, labelled=labelled
        )
        total = parts["loss"]
        shown = {k: float(v.detach()) for k, v in parts.items() if k != "loss"}
        if self.information is not None:
            nats = self.information(outputs, target, clip_idx, self.generator, labelled)
            total = total - self.settings.information.weight * nats
            shown["information"] = float(nats.detach())
        count = self.counts.take()
        if count is not None:
            total = total + self.settings.train.rate_penalty * count
            shown["count"] = float(count.detach())
        return total, {"loss": float(total.detach()), **shown}

    def run(self, progress: Progress, label: str) -> None:
        """Train to the last step. Ctrl-C saves; ``stop_after`` steps of this process end it with ``Stopped``."""
        train = self.settings.train
        self._freeze()
        task = progress.add_task(label, total=self.total, completed=self.step, note="")
        started, first = time.perf_counter() - self.seconds, self.step
        log = _Log(self.folder, self.step)
        try:
            for clip_idx, frame_idx in self._batches():
                batch = moved(self.clips.frame_batch(clip_idx, frame_idx), self.device)
                if isinstance(self.settings, AnnSettings) and self.settings.deaf:
                    batch["logmel"] = batch["logmel"].roll(self.window, 0)
                if self.step == self.thaw:
                    self._freeze()
                self._update(batch, clip_idx.to(self.device))
                self.seconds = time.perf_counter() - started
                self.step += 1
                if self.step % train.log_every == 0 or self.step == self.total:
                    log.write(self.step, self.total, self.seconds, self.losses)
                    progress.update(task, completed=self.step, note=f"loss {self.losses['loss']:.3f}")
                if train.stop_after and self.step - first >= train.stop_after and self.step < self.total:
                    raise Stopped
                if self.step % train.save_every == 0:
                    self.save()
        except (KeyboardInterrupt, Stopped):
            self.save()
            raise
        finally:
            log.close()
        self.save()
        progress.update(task, completed=self.total)
        self.module.eval()

    def _batches(self) -> Iterator[tuple[Tensor, Tensor]]:
        order = training_order(self.clips, self.settings.train.batch, self.settings.seed, self.window)
        return islice(order, self.step, self.total)

    def _update(self, batch: dict[str, Tensor], clip_idx: Tensor) -> None:
        train = self.settings.train
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate(self.step, self.total, train) * group["share"]
        total, self.losses = self.loss(batch, clip_idx)
        self.optimizer.zero_grad(set_to_none=True)
        self.fabric.backward(total)
        if train.clip:
            parameters = [p for g in self.optimizer.param_groups for p in g["params"]]
            nn.utils.clip_grad_norm_(parameters, train.clip)
        self.optimizer.step()


class _Log:
    """``log.csv`` and TensorBoard events. The csv's last row is how a parent process sees how far a run is."""

    def __init__(self, folder: Path, step: int) -> None:
        self.path = folder / "log.csv"
        self.board = SummaryWriter(str(folder), purge_step=step + 1)
        if self.path.exists():
            self._rewind(step)

    def _rewind(self, step: int) -> None:
        """Drop the rows that a killed run wrote after the checkpoint from which it now continues."""
        head, *rows = self.path.read_text().splitlines()
        kept = [row for row in rows if int(row.split(",", 1)[0]) <= step]
        write_whole(self.path, "\n".join([head, *kept]) + "\n")

    def write(self, step: int, total: int, seconds: float, values: dict[str, float]) -> None:
        new = not self.path.exists()
        row = {
            "step": step,
            "total": total,
            "seconds": round(seconds, 2),
            **{k: round(v, 6) for k, v in values.items()},
        }
        with self.path.open("a", newline="") as file:
            writer = csv.DictWriter(file, fieldnames=list(row))
            if new:
                writer.writeheader()
            writer.writerow(row)
        for key, value in values.items():
            self.board.add_scalar(key, value, step)

    def close(self) -> None:
        self.board.close()
