"""Mutual information, in nats, between sounding pixels and their sound.

Joint: the score of a foreground pixel x_p with its own clip's audio y_p. Marginal: scores of the *same*
pixels with the audio y_j of other clips, out of a bank. Scores are dot products of projected features,
T(x, y) = x.y / sqrt(k), in fp32; `avs.information.estimators` makes a bound of them. P pixels, K stored sounds.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from avs.information.audio_bank import AudioBank
from avs.information.estimators import ESTIMATORS


def pair_scores(pixels: Tensor, audio: Tensor, bank: Tensor, absent: Tensor) -> tuple[Tensor, Tensor]:
    """Pixels [P, k], own audio [P, k], bank [K, k], absent [P, K] -> joint [P], marginal [P, K], fp32."""
    with torch.autocast(pixels.device.type, enabled=False):
        scaled = pixels.float() / math.sqrt(pixels.shape[-1])
        joint = (scaled * audio.float()).sum(-1)
        return joint, (scaled @ bank.float().T).masked_fill(absent, -math.inf)


def sample_pixels(mask: Tensor, per_frame: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Mask [B, h, w] -> (frame [P], pixel [P]): `per_frame` foreground pixels of each frame that has any."""
    weight = (mask.flatten(1) > 0).float().to(generator.device)
    frame = weight.any(1).nonzero()[:, 0]
    if not len(frame):
        none = torch.empty(0, dtype=torch.long, device=mask.device)
        return none, none
    pixel = torch.multinomial(weight[frame], per_frame, replacement=True, generator=generator)
    return frame.repeat_interleave(per_frame).to(mask.device), pixel.flatten().to(mask.device)


def shrink_mask(mask: Tensor, size: tuple[int, int]) -> Tensor:
    """[B, H, W] -> [B, h, w] bool: feature pixels of which more than half is foreground."""
    return functional.adaptive_avg_pool2d((mask > 0).float()[:, None], size)[:, 0] > 0.5


class SeparableCritic(nn.Module):
    """Two linear projections into one space: pixels [..., C] and audio [..., D] -> [..., k] each."""

    def __init__(self, pixel_dim: int, audio_dim: int, dim: int = 32) -> None:
        super().__init__()
        self.pixel = nn.Linear(pixel_dim, dim)
        self.audio = nn.Linear(audio_dim, dim)

    def forward(self, pixels: Tensor, audio: Tensor) -> tuple[Tensor, Tensor]:
        return self.pixel(pixels), self.audio(audio)


class MutualInformation(nn.Module):
    """Pixels [B, C, h, w] and audio [B, D], mask [B, H, W], clip ids [B] -> a scalar to maximise.

    The bank holds audio features from before the critic, which projects old and new ones alike, and no
    gradient reaches the audio. With projected tokens in the bank the estimate rises far above the true
    information, since own tokens move away from stored ones; with features of a frozen encoder the bound is
    exact.

    In training the batch's audio enters the bank first. As long as there is no foreground, or nothing of
    another clip in the bank, there is no pair to estimate from and the value is 0 with zero gradient.
    """

    def __init__(
        self,
        estimator: str = "infonce",
        *,
        pixel_dim: int,
        audio_dim: int,
        dim: int = 32,
        bank_size: int = 256,
        per_frame: int = 32,
    ) -> None:
        super().__init__()
        if estimator not in ESTIMATORS:
            allowed = ", ".join(ESTIMATORS)
            raise ValueError(f"mutual_information: found estimator {estimator!r}, expected one of {allowed}")
        self.estimator = ESTIMATORS[estimator]()
        self.critic = SeparableCritic(pixel_dim, audio_dim, dim)
        self.bank = AudioBank(audio_dim, bank_size)
        self.per_frame = per_frame

    def forward(self, pixels: Tensor, audio: Tensor, mask: Tensor, clip: Tensor, generator: torch.Generator) -> Tensor:
        audio = audio.detach().to(self.bank.tokens)
        if self.training:
            self.bank.push(audio, clip)
        small = shrink_mask(mask, (pixels.shape[-2], pixels.shape[-1]))
        frame, pixel = sample_pixels(small, self.per_frame, generator)
        absent = self.bank.absent(clip[frame])
        paired = ~absent.all(1)
        frame, pixel, absent = frame[paired], pixel[paired], absent[paired]
        if not len(frame):
            return 0.0 * pixels.float().sum()
        drawn = pixels.flatten(2)[frame, :, pixel]
        x, y = self.critic(drawn, torch.cat([audio, self.bank.tokens]))
        joint, marginal = pair_scores(x, y[: len(audio)][frame], y[len(audio) :], absent)
        estimate: Tensor = self.estimator(joint, marginal)
        return estimate
