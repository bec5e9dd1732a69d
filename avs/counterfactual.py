"""Counterfactual sound: the same pictures under another sound, to see whether the mask follows the ears.

    other   a donor frame none of whose sounding classes sounds here; scored on the frame's own mask
    swap    a donor frame that sounds one class only, that of an object in view but silent here; scored on it
    mute    digital silence, log-mel log(0.01) throughout; scored on the frame's own mask

Donors come from other clips of the same split and are drawn once from a seed, so the list is fixed. A network
that hears loses on `other` and `mute`, and wins on `swap`; one that looks only does the same everywhere.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from avs.audio import LOG_OFFSET
from avs.clip import Clips
from avs.normalise import logmel_to_grid

SILENCE = math.log(LOG_OFFSET)


class NoDonor(ValueError):
    """No other clip of the split sounds as is asked for."""


@dataclass(frozen=True, kw_only=True)
class Donors:
    """M frames to be scored, the frame whose sound each is given, and the mask it is scored on."""

    kind: str
    clip_idx: Tensor  # [M]
    frame_idx: Tensor  # [M]
    donor_clip: Tensor  # [M]
    donor_frame: Tensor  # [M]
    masks: Tensor  # [M, H, W] uint8

    def __len__(self) -> int:
        return len(self.clip_idx)


@dataclass(frozen=True, kw_only=True)
class _Pool:
    """The frames that may lend their sound, and what sounds in them."""

    clip_idx: Tensor  # [P]
    frame_idx: Tensor  # [P]
    heard: Tensor  # [P, C] bool

    def has(self, fits: Tensor, clip: int) -> bool:
        return bool((fits & (self.clip_idx != clip)).any())

    def draw(self, fits: Tensor, clip: int, random: torch.Generator, wanted: str) -> int:
        places = (fits & (self.clip_idx != clip)).nonzero()[:, 0]
        if not len(places):
            raise NoDonor(
                f"counterfactual: found no donor for clip {clip} in {len(self.clip_idx)} sounding frames, "
                f"expected another clip that sounds {wanted}; use more clips"
            )
        return int(places[torch.randint(len(places), (), generator=random)])


def _other(clips: Clips, pool: _Pool, heard: Tensor, random: torch.Generator) -> Donors:
    clip_idx, frame_idx = clips.labelled_frames()
    picks = []
    for clip, frame in zip(clip_idx.tolist(), frame_idx.tolist(), strict=True):
        apart = ~(pool.heard & heard[clip, frame]).any(1)
        picks.append(pool.draw(apart, clip, random, "none of its classes"))
    return _donors("other", clips, (clip_idx, frame_idx), pool, picks, clips.masks[clip_idx, frame_idx])


def _swap(clips: Clips, pool: _Pool, heard: Tensor, random: torch.Generator) -> Donors:
    alone = pool.heard.sum(1) == 1
    semantic = bool((clips.masks > 1).any())
    rows, picks, masks = [], [], []
    lacking: tuple[int, int] | None = None  # a clip, and a class that no other clip sounds alone
    for clip, frame in torch.stack(clips.labelled_frames(), 1).tolist():
        seen = _silent_in_view(clips, clip, frame, heard[clip, frame])
        slots = [k for k in seen if pool.has(alone & pool.heard[:, clips.classes[clip, k]], clip)]
        if not slots:  # nothing to swap to: such a frame is not part of the list
            lacking = lacking or ((clip, int(clips.classes[clip, seen[0]])) if seen else None)
            continue
        slot = slots[int(torch.randint(len(slots), (), generator=random))]
        label = int(clips.classes[clip, slot])
        picks.append(pool.draw(alone & pool.heard[:, label], clip, random, f"class {label} alone"))
        rows.append((clip, frame))
        mask = (clips.slots[clip, frame] == slot + 1).to(torch.uint8)
        masks.append(mask * (label + 1) if semantic else mask)
    if not rows and lacking:
        clip, label = lacking
        pool.draw(alone & pool.heard[:, label], clip, random, f"class {label} alone")
    if not rows:
        raise ValueError(
            "counterfactual: found no frame with a silent object in view, swap needs at least one; use other"
        )
    clip_idx, frame_idx = torch.tensor(rows).T
    return _donors("swap", clips, (clip_idx, frame_idx), pool, picks, torch.stack(masks))


def _mute(clips: Clips, pool: _Pool, heard: Tensor, random: torch.Generator) -> Donors:
    clip_idx, frame_idx = clips.labelled_frames()
    return Donors(
        kind="mute",
        clip_idx=clip_idx,
        frame_idx=frame_idx,
        donor_clip=clip_idx,
        donor_frame=frame_idx,
        masks=clips.masks[clip_idx, frame_idx],
    )


KINDS: dict[str, Callable[[Clips, _Pool, Tensor, torch.Generator], Donors]] = {
    "other": _other,
    "swap": _swap,
    "mute": _mute,
}


def _silent_in_view(clips: Clips, clip: int, frame: int, heard: Tensor) -> list[int]:
    """Slots whose object can be seen and whose class nobody sounds."""
    labels = clips.classes[clip].tolist()
    return [
        k for k, c in enumerate(labels) if c >= 0 and not heard[c] and bool((clips.slots[clip, frame] == k + 1).any())
    ]


def _donors(
    kind: str, clips: Clips, rows: tuple[Tensor, Tensor], pool: _Pool, picks: list[int], masks: Tensor
) -> Donors:
    picked = torch.tensor(picks)
    donor_clip, donor_frame = pool.clip_idx[picked], pool.frame_idx[picked]
    return Donors(
        kind=kind,
        clip_idx=rows[0],
        frame_idx=rows[1],
        donor_clip=donor_clip,
        donor_frame=donor_frame,
        masks=masks,
    )


def donors(clips: Clips, kind: str, seed: int = 0) -> Donors:
    """The fixed donor list of a split; equal arguments give equal lists."""
    if kind not in KINDS:
        raise ValueError(f"counterfactual: found kind {kind!r}, expected one of {', '.join(KINDS)}")
    heard = clips.sounding_classes(max(1, int(clips.classes.max()) + 1))
    clip_idx, frame_idx = (clips.valid & heard.any(2)).nonzero(as_tuple=True)
    pool = _Pool(clip_idx=clip_idx, frame_idx=frame_idx, heard=heard[clip_idx, frame_idx])
    return KINDS[kind](clips, pool, heard, torch.Generator().manual_seed(seed))


def counterfactual_clips(clips: Clips, given: Donors, which: Tensor) -> tuple[dict[str, Tensor], Tensor, Tensor]:
    """All frames of the clips ``which`` [C], every listed one under its donor's sound, so that a network that looks at
    neighbours hears them too. -> (image and logmel [C F, ...], rows of the list [M], their places in the batch [M])."""
    frames = clips.frames_per_clip
    batch = clips.frame_batch(which.repeat_interleave(frames), torch.arange(frames).repeat(len(which)))
    rows = torch.isin(given.clip_idx, which).nonzero()[:, 0]
    position = {int(c): i for i, c in enumerate(which)}
    owners = torch.tensor([position[int(c)] for c in given.clip_idx[rows]], dtype=torch.long)
    places = owners * frames + given.frame_idx[rows]
    sound = clips.logmel[given.donor_clip[rows], given.donor_frame[rows]]
    logmel = batch["logmel"].clone()
    logmel[places] = logmel_to_grid(torch.full_like(sound, SILENCE) if given.kind == "mute" else sound)
    return {"image": batch["image"], "logmel": logmel}, rows, places
