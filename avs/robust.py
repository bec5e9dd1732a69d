"""The same pictures under sounds of nothing in them, where nothing is to be segmented; and under their own, displaced.

    silence      digital silence, log-mel log(0.01) throughout
    noise        white noise, s.d. 0.1, other noise in every frame
    off_screen   a frame of another clip in which no class sounds that is in view here; where objects are not known, of
                 a clip of another category, and where categories are not, of any other clip
    shift        the clip's own sound, half the clip later; it goes on from its beginning

The first three are AVSBench-Robust's (Li et al., "Do Audio-Visual Segmentation Models Truly Segment Sounding Objects?",
2025); its noise is float64 numbers written as 16-bit samples, ours is what it says. False positives are the mean area
that is marked under them. Its combined scores are made by hand, without a formula; here, with f the mean of the three:

    g_fpr = f      g_miou = 2 m (1 - f) / (m + 1 - f)      g_fscore: the same of F      (m: under the right sound)
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from avs.audio import log_mel
from avs.clip import Clips, knows_objects
from avs.counterfactual import SILENCE, NoDonor
from avs.losses.masks import foreground_logit
from avs.normalise import logmel_to_grid
from avs.resound import Constant, Lent, Resounded, Sound, other_donors, same_second
from avs.sound import EXAMPLE_SAMPLES, FRAMES, MELS
from avs.split import Split

LOUD = 0.1
NEGATIVE = ("silence", "noise", "off_screen")


def _as_heard(clips: Split) -> Callable[[Tensor], Tensor]:
    """Log-mels as this data's networks are given them."""
    return logmel_to_grid if knows_objects(clips) else torch.Tensor.float


@dataclass(frozen=True)
class Noise:
    """``frames``: of a clip; each frame of each has noise of its own."""

    heard: Callable[[Tensor], Tensor]
    frames: int
    seed: int

    def __call__(self, clip_idx: Tensor, frame_idx: Tensor) -> Tensor:
        waves = []
        for number in (clip_idx * self.frames + frame_idx).tolist():
            random = torch.Generator().manual_seed(self.seed * 1_000_003 + number)
            waves.append(LOUD * torch.randn(EXAMPLE_SAMPLES, generator=random))
        return self.heard(log_mel(torch.stack(waves))[:, 0])


def _silence(clips: Split, seed: int) -> Sound:
    return Constant(_as_heard(clips)(torch.full((1, FRAMES, MELS), SILENCE)))


def _noise(clips: Split, seed: int) -> Sound:
    return Noise(_as_heard(clips), clips.frames_per_clip, seed)


def _shift(clips: Split, seed: int) -> Sound:
    frames = clips.frames_per_clip
    later = torch.arange(frames).roll(-(frames // 2)).expand(len(clips), -1)
    return Lent(clips, torch.arange(len(clips))[:, None].expand_as(later), later)


def _off_screen(clips: Split, seed: int) -> Sound:
    if knows_objects(clips):
        return _absent(clips, seed)
    donor = other_donors(clips.groups, seed)
    if donor is None:
        raise NoDonor("no other clip sounds otherwise; use more clips")
    return same_second(clips, donor)


def _absent(clips: Clips, seed: int) -> Lent:
    """Donors none of whose sounding classes is in view."""
    random = torch.Generator().manual_seed(seed)
    heard = clips.sounding_classes(int(clips.classes.max()) + 1)
    clip_idx, frame_idx = (clips.valid & heard.any(2)).nonzero(as_tuple=True)
    sounds = heard[clip_idx, frame_idx]
    picks = []
    for clip in range(len(clips)):
        view = torch.zeros(sounds.shape[1], dtype=torch.bool)
        view[clips.classes[clip][clips.classes[clip] >= 0]] = True
        fits = (~(sounds & view).any(1)).nonzero()[:, 0]
        if not len(fits):
            raise NoDonor(f"no other clip sounds only what is not in view in clip {clip}; use more clips")
        picks.append(fits[torch.randint(len(fits), (clips.frames_per_clip,), generator=random)])
    picked = torch.stack(picks)
    return Lent(clips, clip_idx[picked], frame_idx[picked])


CONDITIONS: dict[str, Callable[[Split, int], Sound]] = {
    "silence": _silence,
    "noise": _noise,
    "off_screen": _off_screen,
    "shift": _shift,
}


def under(clips: Split, condition: str, seed: int = 0) -> Resounded:
    return Resounded(clips, CONDITIONS[condition](clips, seed))


class AreaMeter:
    """``area``: the mean share of a picture that is marked, over frames that have a true mask."""

    def __init__(self) -> None:
        self.marked, self.frames = 0.0, 0

    def update(self, clip_idx: Tensor, logits: Tensor, batch: dict[str, Tensor]) -> None:
        marked = (foreground_logit(logits)[batch["labelled"]] > 0).flatten(1)
        self.marked += float(marked.double().mean(1).sum())
        self.frames += len(marked)

    def compute(self) -> dict[str, float]:
        return {"area": self.marked / max(self.frames, 1)}


def combined(score: float, false_positives: float) -> float:
    """The harmonic mean of a score and of what is rightly left unmarked."""
    kept = 1 - false_positives
    return 2 * score * kept / (score + kept) if score + kept else 0.0
