"""Lower bounds of the mutual information, in nats, between sounding pixels and their sound.

Joint: the score of a foreground pixel x_p with its own clip's audio y_p. Marginal: scores of the *same*
pixels with the audio y_j of other clips, out of a bank. Scores are dot products of projected features,
T(x, y) = x.y / sqrt(k), in fp32.

    infonce  mean_p [T_pp - ln((e^T_pp + sum_j e^T_pj) / (K + 1))] <= ln(K + 1)       (van den Oord 2018)
    dv       mean_p T_pp - ln mean_pj e^T_pj, with a running mean in the gradient      (MINE 2018)
    smile    dv with T clipped to -5..5 within the second term                         (Song & Ermon 2020)
    jsd      2 ln 2 - mean_p softplus(-T_pp) - mean_pj softplus(T_pj), a divergence    (Hjelm et al. 2019)

A marginal score of -inf is an absent pair: estimators count the finite ones only. P pixels, K pairs for each:
[P], [P, K].
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional

from avs.audio_bank import AudioBank

SMILE_CLIP = 5.0


def log_mean_exp(scores: Tensor) -> Tensor:
    """ln of the mean of e^score over all pairs that are present."""
    return scores.flatten().logsumexp(0) - scores.isfinite().sum().log()


def infonce(joint: Tensor, marginal: Tensor) -> Tensor:
    candidates = torch.cat([joint[:, None], marginal], 1).float()
    return (candidates[:, 0] - candidates.logsumexp(1) + candidates.isfinite().sum(1).log()).mean()


def dv(joint: Tensor, marginal: Tensor, log_ema: Tensor | None = None) -> Tensor:
    """`log_ema` changes the gradient only: mean(e^T dT) / e^log_ema, not divided by the batch's own mean."""
    log_mean = log_mean_exp(marginal.float())
    if log_ema is not None:
        corrected = (log_mean - log_ema.detach()).exp()
        log_mean = log_mean.detach() + corrected - corrected.detach()
    return joint.float().mean() - log_mean


def smile(joint: Tensor, marginal: Tensor) -> Tensor:
    clipped = marginal.float().clamp(-SMILE_CLIP, SMILE_CLIP)
    return joint.float().mean() - log_mean_exp(clipped.where(marginal.isfinite(), marginal.float()))


def jsd(joint: Tensor, marginal: Tensor) -> Tensor:
    spread = functional.softplus(marginal.float()).sum() / marginal.isfinite().sum()
    return 2 * math.log(2) - functional.softplus(-joint.float()).mean() - spread


class Stateless(nn.Module):
    """An estimator that is a pure function of the scores."""

    def __init__(self, estimate: Callable[[Tensor, Tensor], Tensor]) -> None:
        super().__init__()
        self.estimate = estimate

    def forward(self, joint: Tensor, marginal: Tensor) -> Tensor:
        return self.estimate(joint, marginal)


class DV(nn.Module):
    """`dv` with the running mean that corrects its gradient; the first step starts it."""

    log_ema: Tensor

    def __init__(self, decay: float = 0.99) -> None:
        super().__init__()
        self.decay = decay
        self.register_buffer("log_ema", torch.tensor(-math.inf))

    def forward(self, joint: Tensor, marginal: Tensor) -> Tensor:
        if self.training:
            now = log_mean_exp(marginal.detach().float())
            kept = self.log_ema + math.log(self.decay), now + math.log1p(-self.decay)
            self.log_ema.copy_(torch.where(self.log_ema.isinf(), now, torch.logaddexp(*kept)))
        return dv(joint, marginal, self.log_ema if self.training else None)


ESTIMATORS: dict[str, Callable[[], nn.Module]] = {
    "infonce": lambda: Stateless(infonce),
    "dv": DV,
    "smile": lambda: Stateless(smile),
    "jsd": lambda: Stateless(jsd),
}


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
        chosen = pixels.flatten(2)[frame, :, pixel]
        x, y = self.critic(chosen, torch.cat([audio, self.bank.tokens]))
        joint, marginal = pair_scores(x, y[: len(audio)][frame], y[len(audio) :], absent)
        estimate: Tensor = self.estimator(joint, marginal)
        return estimate
