"""``python -m tools.held_information RUN [RUN ...]``: what pixels and sound of a trained network share, in nats.

A fresh critic learns on the features of the frozen network on training clips, and is judged on test clips, whose bank
holds test sounds alone: a lower bound that no training of the network's own critic can have bent. Beside it stands the
same under permuted sounds, which must come out at 0 or below. One line a run, and a JSON file.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path
from statistics import mean
from typing import Any

import torch
from torch import Tensor

from avs.information.mutual_information import MutualInformation
from avs.information.terms import as_map
from avs.losses.spec import TOKEN
from avs.split import Split
from experiments.dataset import split
from experiments.errors import UserError
from experiments.network import load_run
from experiments.run_folder import write_json
from experiments.training.loader import Reading, items
from graph.lower import Network
from tools.results import FOLDER, provenance
from tools.sentence import in_a_sentence

LEVEL, ESTIMATOR = "mask_feature", "infonce"
BATCH, STEPS, RATE, BANK = 32, 400, 0.01, 256
ROUNDS = 8  # draws of pixels that the result is a mean of


@dataclass(frozen=True)
class Features:
    """Of N frames: pixels [N, C, h, w], sound [N, D], mask [N, H, W], clip [N]."""

    pixels: Tensor
    sound: Tensor
    mask: Tensor
    clip: Tensor

    def rows(self, at: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        return self.pixels[at], self.sound[at], self.mask[at], self.clip[at]

    def permuted(self, random: torch.Generator) -> Features:
        """Whole clips change places, so that no frame keeps a sound of its own clip."""
        clips = self.clip.unique()
        turn = int(torch.randint(1, len(clips), (), generator=random))
        frames = len(self.clip) // len(clips)
        return Features(self.pixels, self.sound.roll(turn * frames, 0), self.mask, self.clip)


@torch.no_grad()
def features(network: Network, clips: Split, count: int) -> Features:
    frames = clips.frames_per_clip
    wanted = [(torch.full((frames,), clip), torch.arange(frames)) for clip in range(min(count, len(clips)))]
    parts: list[tuple[Tensor, ...]] = []
    for clip_idx, batch in items(Reading(clips, wanted), 0, torch.device("cpu")):
        out = network(image=batch["image"], logmel=batch["logmel"])
        parts.append((as_map(out[LEVEL]), out[TOKEN].flatten(1), batch["mask"], clip_idx))
    return Features(*(torch.cat(column) for column in zip(*parts, strict=True)))


def nats(train: Features, test: Features, seed: int = 0) -> float:
    """InfoNCE's bound on test frames, by a critic that learnt on train frames."""
    torch.manual_seed(seed)
    random = torch.Generator().manual_seed(seed)
    spread, middle = train.pixels.std((0, 2, 3), keepdim=True) + 1e-6, train.pixels.mean((0, 2, 3), keepdim=True)
    wide, centre = train.sound.std(0) + 1e-6, train.sound.mean(0)
    train, test = (
        Features((f.pixels - middle) / spread, (f.sound - centre) / wide, f.mask, f.clip) for f in (train, test)
    )
    module = MutualInformation(
        ESTIMATOR, pixel_dim=train.pixels.shape[1], audio_dim=train.sound.shape[1], bank_size=BANK, per_frame=8
    )
    optimizer = torch.optim.AdamW(module.critic.parameters(), RATE, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, total_steps=STEPS)
    for _ in range(STEPS):
        at = torch.randint(len(train.clip), (BATCH,), generator=random)
        estimate = module(*train.rows(at), random)
        optimizer.zero_grad()
        (-estimate).backward()
        torch.nn.utils.clip_grad_norm_(module.critic.parameters(), 1.0)
        optimizer.step()
        schedule.step()
    module.eval()
    return _judged(module, test, random)


@torch.no_grad()
def _judged(module: MutualInformation, test: Features, random: torch.Generator) -> float:
    order = torch.randperm(len(test.clip), generator=random)[:BANK]
    module.bank.push(test.sound[order], test.clip[order])
    return mean(float(module(*test.rows(torch.arange(len(test.clip))), random)) for _ in range(ROUNDS))


def measured(name: str, train: int, test: int, seed: int = 0) -> dict[str, Any]:
    run = load_run(name)
    if TOKEN not in run.module.graph.outputs or LEVEL not in run.module.graph.outputs:
        raise UserError(f"'{name}' has no outputs {LEVEL} and {TOKEN}, expected a run of a family that has both")
    known, held = (
        features(run.module, split(run.settings.data, part), count)
        for part, count in (("train", train), ("test", test))
    )
    random = torch.Generator().manual_seed(seed)
    placebo = nats(known.permuted(random), held.permuted(random), seed)
    return {"run": run.name, "seed": run.settings.seed, "nats": nats(known, held, seed), "permuted": placebo}


@in_a_sentence
def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.held_information", allow_abbrev=False)
    parser.add_argument("runs", nargs="+")
    parser.add_argument("--train", type=int, default=200, help="clips")
    parser.add_argument("--test", type=int, default=100)
    parser.add_argument("--out", type=Path, default=FOLDER / "held_information.json")
    options = parser.parse_args()
    rows = []
    for name in options.runs:
        rows.append(measured(name, options.train, options.test))
        print(f"{name}: {rows[-1]['nats']:.3f} nats, {rows[-1]['permuted']:.3f} with the sounds permuted", flush=True)
    command = f"python -m tools.held_information {' '.join(options.runs)}"
    write_json(options.out, {**provenance(command), "figures": rows})
    return 0


if __name__ == "__main__":
    sys.exit(main())
