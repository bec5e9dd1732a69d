"""Lower bounds of the mutual information, in nats, from scores T of pairs.

Joint: scores of pairs that belong together, T_pp [P]. Marginal: scores of each left side with K right sides of other
pairs, T_pj [P, K]; one of -inf is an absent pair, and estimators count the finite ones only.

    infonce  mean_p [T_pp - ln((e^T_pp + sum_j e^T_pj) / (K + 1))] <= ln(K + 1)       (van den Oord 2018)
    dv       mean_p T_pp - ln mean_pj e^T_pj, with a running mean in the gradient      (MINE 2018)
    smile    dv with T clipped to -5..5 within the second term; jsd's gradient         (Song & Ermon 2020)
    jsd      2 ln 2 - mean_p softplus(-T_pp) - mean_pj softplus(T_pj)                  (Hjelm et al. 2019)

The first three are largest, and the information itself, at T = ln p(x, y) / p(x) p(y) (dv and infonce plus any
constant); there jsd is twice the Jensen-Shannon divergence of joint and marginal, which never exceeds 2 ln 2.
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional

SMILE_CLIP = 5.0
EMA_BOUND = 0.25


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
    """The gradient is `jsd`'s, whose best critic is the same log-ratio: nothing holds back a joint score beyond the
    clip, so the clipped value itself could be raised for ever."""
    clipped = marginal.float().clamp(-SMILE_CLIP, SMILE_CLIP)
    value = joint.float().mean() - log_mean_exp(clipped.where(marginal.isfinite(), marginal.float()))
    lever = jsd(joint, marginal)
    return value.detach() + lever - lever.detach()


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
    """`dv` with the running mean that corrects its gradient; the first step starts it.

    It stays within a factor e^0.25 of the batch's own mean: e^T has a heavy tail, and after one outlying batch an
    unbounded mean would switch the second term off for hundreds of steps.
    """

    log_ema: Tensor

    def __init__(self, decay: float = 0.99) -> None:
        super().__init__()
        self.decay = decay
        self.register_buffer("log_ema", torch.tensor(-math.inf))

    def forward(self, joint: Tensor, marginal: Tensor) -> Tensor:
        if self.training:
            now = log_mean_exp(marginal.detach().float())
            kept = self.log_ema + math.log(self.decay), now + math.log1p(-self.decay)
            running = torch.where(self.log_ema.isinf(), now, torch.logaddexp(*kept))
            self.log_ema.copy_(running.clamp(now - EMA_BOUND, now + EMA_BOUND))
        return dv(joint, marginal, self.log_ema if self.training else None)


ESTIMATORS: dict[str, Callable[[], nn.Module]] = {
    "infonce": lambda: Stateless(infonce),
    "dv": DV,
    "smile": lambda: Stateless(smile),
    "jsd": lambda: Stateless(jsd),
}
