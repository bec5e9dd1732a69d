"""One training loop for every dialect, on Lightning Fabric: one process or several, any device and precision.

A step reads ``batch`` random labelled frames. Resuming continues to the same weights, bit for bit.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from itertools import islice
from pathlib import Path

import torch
from lightning_fabric import Fabric
from rich.progress import Progress
from torch import Tensor, nn

from avs.split import Split
from experiments.device import device_of, moved, placed
from experiments.errors import Stopped
from experiments.host_memory import keep_freed_memory
from experiments.model import model_spec
from experiments.modes.ann import AnnSettings
from experiments.settings import RunSettings
from experiments.training import finite, processes, state
from experiments.training.average import Average
from experiments.training.best import Best
from experiments.training.criterion import Criterion
from experiments.training.fabric import clip_gradients, layout, unsynced, wrap
from experiments.training.frames import TrainingFrames, Wanted
from experiments.training.freezing import freeze
from experiments.training.loader import Item, items
from experiments.training.log import Log, Silent
from experiments.training.optimizer import scheduler_of
from experiments.training.order import Order, Share, frames_together
from experiments.training.stopping import Stop
from experiments.training.stopwatch import Stopwatch
from experiments.training.teacher import teacher_of
from graph.lower import Network


class Trainer:
    """``validate``: a network -> its score on val, asked for every ``train.validate`` epochs."""

    def __init__(
        self,
        settings: RunSettings,
        folder: Path,
        network: Network,
        clips: Split,
        fabric: Fabric,
        validate: Callable[[Network], float],
    ) -> None:
        train = settings.train
        torch.set_num_threads(train.threads)
        if not train.recompute:  # which is for those who have more time than memory: what is kept lies in pieces
            keep_freed_memory()
        self.settings, self.folder, self.network, self.clips, self.fabric = settings, folder, network, clips, fabric
        self.device = device_of(settings.device) if fabric.world_size == 1 else fabric.device
        self.share = Share(fabric.global_rank, fabric.world_size, train.accumulate)
        self.order = Order(clips, train.batch, settings.seed, frames_together(settings, network.graph))
        self.order.check(self.share)
        self.total = train.epochs * self.order.steps
        self.thaw = train.freeze_epochs * self.order.steps
        nn.Module.to(network, self.device, memory_format=layout(fabric))  # type: ignore[call-overload]
        teacher = teacher_of(settings, network.graph)
        self.criterion = Criterion(network, settings, teacher and placed(teacher, self.device)).to(self.device)
        self.module, self.optimizer = wrap(fabric, self.criterion, settings)
        self.scheduler = scheduler_of(self.optimizer.optimizer, self.total, train)
        self.average = Average(self.criterion, train.ema) if train.ema else None
        self.best = Best(folder, train.validate * self.order.steps, validate)
        self.generator = torch.Generator().manual_seed(settings.seed + processes.rank())
        self.step, self.saved, self.seconds = 0, 0, 0.0
        self.terms: dict[str, Tensor] = {}
        self.watch = Stopwatch()
        torch.manual_seed(settings.seed + processes.rank())
        self.refreeze()

    # ---- the loop ---------------------------------------------------------------------------------------------------
    def run(self, progress: Progress, label: str) -> None:
        """Train to the last step. Asked to stop, it ends the step, saves and raises ``Stopped``."""
        task = progress.add_task(label, total=self.total, completed=self.step, note="")
        started, first = time.perf_counter() - self.seconds, self.step
        with Stop() as stop, self._log() as log:
            for parts in self._steps():
                self._update(parts)
                self.step += 1
                self.seconds = time.perf_counter() - started
                with self.watch("log, score and save"):
                    self._after_step(log, lambda note: progress.update(task, completed=self.step, note=note))
                    if self._asked_to_stop(stop, self.step - first):
                        raise Stopped(stop.code)
            self.save()
        progress.update(task, completed=self.total)

    def _update(self, parts: list[Item]) -> None:
        """One step: forward and backward of each part, then the optimizer."""
        self.optimizer.zero_grad(set_to_none=True)
        sums: dict[str, Tensor] = {}
        for number, (clip_idx, batch) in enumerate(parts):
            with self.watch("move data"):
                clip_idx, batch = clip_idx.to(self.device), moved(batch, self.device)
            before = finite.Random.now(self.generator, self.device)
            with unsynced(self.fabric, self.module, number + 1 < len(parts)):
                with self.watch("forward and loss"):
                    loss, terms = self.module(batch, clip_idx, self.generator)
                self._require_finite(terms, batch, clip_idx, before)
                with self.watch("backward"):
                    self.fabric.backward(loss / len(parts))
            sums = {name: sums.get(name, 0.0) + value / len(parts) for name, value in terms.items()}
        with self.watch("clip and update"):
            norm = clip_gradients(self.fabric, self.criterion, self.optimizer, self.settings.train.clip)
            self._require_finite_gradient(norm)
            self.optimizer.step()
            self.scheduler.step()
            if self.average is not None:
                self.average.update()
        self.terms = sums

    def _require_finite(
        self, terms: dict[str, Tensor], batch: dict[str, Tensor], clip_idx: Tensor, before: finite.Random
    ) -> None:
        """In all processes or in none: one that went on alone would wait for the others for ever."""
        bad = not bool(terms["loss"].isfinite())
        if not processes.largest(torch.tensor(float(bad), device=self.device)):
            return
        weights = state.network_weights(self.criterion)
        if not bad:
            raise finite.NotFinite(f"step {self.step + 1}: another process met a loss that is no number")
        path = self.folder / f"bad-step-{self.step + 1}.pt"
        network = state.plain(self.network, weights, self.device)
        content = {
            "step": self.step + 1,
            "network": weights,
            "batch": batch,
            "clip": clip_idx,
            "random": vars(before),
            "frozen": self.step < self.thaw,
        }
        finite.save(path, content)
        before.restore(self.generator, self.device)
        freeze(network, self._frozen())
        clips = ", ".join(self.clips.name(clip) for clip in clip_idx.unique().tolist()[:3])
        place = finite.first_bad(network, batch) or f"the loss, its part {finite.bad_terms(terms)}"
        raise finite.NotFinite(
            f"step {self.step + 1}: the loss is {float(terms['loss'])}; first not finite: {place} (a batch of {clips}, "
            f"...); look at it again with --config {self.folder / 'config.yaml'} --replay {path}; {finite.ADVICE}"
        )

    def _require_finite_gradient(self, norm: Tensor | None) -> None:
        """In half precision an infinite gradient is a matter of course: that update is left out, by its scaler."""
        if norm is not None and not bool(norm.isfinite()) and self.settings.fabric.precision != "16-mixed":
            place = finite.bad_gradient(self.criterion)
            raise finite.NotFinite(f"step {self.step + 1}: the loss is finite, and {place}; {finite.ADVICE}")

    # ---- between the steps ------------------------------------------------------------------------------------------
    def _steps(self) -> Iterator[list[Item]]:
        """Of each step from here to the last: the parts that this process reads."""
        settings = self.settings
        deaf = isinstance(settings, AnnSettings) and settings.deaf
        wanted = Wanted(self.order, self.share, self.step, self.total)
        reader = items(
            TrainingFrames(self.clips, wanted, settings.augment, deaf=deaf), settings.data.workers, self.device
        )
        while True:
            with self.watch("wait for data"):
                parts = list(islice(reader, self.share.accumulate))
            if not parts:
                return
            yield parts

    def _frozen(self) -> tuple[str, ...]:
        still = ("backbone",) if self.step < self.thaw else ()
        return (*model_spec(self.settings.model).frozen, *still)

    def refreeze(self) -> None:
        """What trains at this step, in training; the rest in evaluation."""
        freeze(self.network, self._frozen())

    def _after_step(self, log: Log | Silent, tell: Callable[[str], None]) -> None:
        train = self.settings.train
        if self.step == self.thaw:
            self.refreeze()
        if self.step % train.log_every == 0 or self.step == self.total:
            names, values = list(self.terms), torch.stack([v.double() for v in self.terms.values()])
            means = (processes.total(values) / processes.world()).tolist()
            log.write(self.step, self.total, self.seconds, dict(zip(names, means, strict=True)))
            if train.log_rates:
                log.score(self.step, self._rates())
            tell(f"loss {means[names.index('loss')]:.3f}")
        if self.best.due(self.step, self.total):
            log.score(self.step, {"miou_val": self.best.look(self.step, self.trained)})
        if self.step % train.save_every == 0:
            self.save()

    def _rates(self) -> dict[str, float]:
        """Mean |count| of every site in the last step, as TensorBoard calls it; of this process's frames."""
        means = self.criterion.counts.means
        return {f"rates/{name.removeprefix('sites.')}": float(mean) for name, mean in means.items()}

    def _asked_to_stop(self, stop: Stop, done: int) -> bool:
        stop.code = int(processes.largest(torch.tensor(stop.code, device=self.device)))
        early = 0 < self.settings.train.stop_after <= done and self.step < self.total
        if stop.code or early:
            self.save()
        return bool(stop.code) or early

    def _log(self) -> Log | Silent:
        return Log(self.folder, self.step) if processes.first() else Silent()

    # ---- what is kept -----------------------------------------------------------------------------------------------
    def trained(self) -> Network:
        """A copy of the network as it is now, with the mean of its weights if one is kept."""
        with self.average.in_place() if self.average is not None else nullcontext():
            # The weights are the module's own: they must be copied while they are the means.
            return state.plain(self.network, state.network_weights(self.criterion), self.device)

    def result(self) -> Network:
        """What the run leaves behind."""
        network = self.trained()
        if self.settings.train.result == "best":
            network.load_state_dict(self.best.weights())
        return network.eval()

    def save(self) -> None:
        if self.saved == self.step and self.step:
            return
        state.save(self)
        self.saved = self.step

    def restore(self) -> str:
        """Go on from the newest checkpoint that can be read; -> what there is to say of it."""
        told = state.restore(self)
        self.saved = self.step
        return told
