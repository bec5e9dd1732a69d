"""Critics trained on Gaussians whose mutual information is known, and judged on samples that they have not seen.

d pairs of coordinates with correlation rho have I = -d/2 ln(1 - rho^2) nats. The critic is a dot product of two
projections, so sides are given as [z, (z^2 - 1) / sqrt 2]: the exact log-ratio is such a dot product.
"""

import math
from functools import cache
from itertools import pairwise

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from avs.information.audio_bank import AudioBank
from avs.information.estimators import ESTIMATORS, SMILE_CLIP, dv, infonce, jsd, log_mean_exp, smile
from avs.information.mutual_information import MutualInformation, pair_scores

DIMS = 4
NATS = (0.0, 0.5, 1.0, 2.0)
FRESH, STORED = 4096, 1024
STEPS, BATCH, RATE, CLIP = 250, 128, 0.04, 0.3
# smile has jsd's gradient (tested below), so one critic stands for both.
TRAINED = {"infonce": "infonce", "dv": "dv", "smile": "jsd", "jsd": "jsd"}


def correlation(nats: float) -> float:
    return math.sqrt(1 - math.exp(-2 * nats / DIMS))


def draw(count: int, nats: float, random: torch.Generator) -> tuple[Tensor, Tensor]:
    rho = correlation(nats)
    x, other = (torch.randn(count, DIMS, generator=random) for _ in range(2))
    return x, rho * x + math.sqrt(1 - rho**2) * other


def described(z: Tensor) -> Tensor:
    return torch.cat([z, (z * z - 1) / math.sqrt(2)], 1)


@cache
def critic(name: str, nats: float) -> MutualInformation:
    torch.manual_seed(0)
    random = torch.Generator().manual_seed(1)
    module = MutualInformation(name, pixel_dim=2 * DIMS, audio_dim=2 * DIMS, dim=8, bank_size=256, per_frame=1)
    optimizer = torch.optim.Adam(module.critic.parameters(), lr=RATE)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, total_steps=STEPS)
    everywhere = torch.ones(BATCH, 1, 1)
    for step in range(STEPS):
        x, y = draw(BATCH, nats, random)
        clip = torch.arange(BATCH) + BATCH * step
        estimate = module(described(x)[:, :, None, None], described(y), everywhere, clip, random)
        optimizer.zero_grad()
        (-estimate).backward()
        torch.nn.utils.clip_grad_norm_(module.critic.parameters(), CLIP)  # as the trainer does: e^T has a heavy tail
        optimizer.step()
        schedule.step()
    return module.eval()


def stored(nats: float, random: torch.Generator) -> AudioBank:
    bank = AudioBank(DIMS, STORED)
    bank.push(draw(STORED, nats, random)[1], torch.arange(STORED))
    return bank


def learnt_scores(name: str, nats: float) -> tuple[Tensor, Tensor]:
    """Of fresh pairs, and of the same left sides with a bank of fresh right sides."""
    random = torch.Generator().manual_seed(2)
    module, bank = critic(name, nats), stored(nats, random)
    x, y = draw(FRESH, nats, random)
    with torch.no_grad():
        left, right = module.critic(described(x), described(torch.cat([y, bank.tokens])))
    absent = bank.absent(torch.arange(FRESH) + STORED)
    return pair_scores(left, right[:FRESH], right[FRESH:], absent)


def exact_scores(nats: float) -> tuple[Tensor, Tensor]:
    """The same with ln p(x, y) / p(x) p(y) itself."""
    random = torch.Generator().manual_seed(2)
    bank = stored(nats, random)
    x, y = draw(FRESH, nats, random)
    rho, spread = correlation(nats), math.exp(-2 * nats / DIMS)

    def ratio(dots: Tensor, a: Tensor, b: Tensor) -> Tensor:
        return nats - (rho**2 * (a + b) - 2 * rho * dots) / (2 * spread)

    left, right, other = ((z * z).sum(1) for z in (x, y, bank.tokens))
    return ratio((x * y).sum(1), left, right), ratio(x @ bank.tokens.T, left[:, None], other)


@pytest.mark.parametrize("nats", NATS)
@pytest.mark.parametrize("name, bound", [("dv", dv), ("smile", smile)])
def test_a_trained_critic_finds_the_known_information(name, bound, nats):
    assert float(bound(*learnt_scores(TRAINED[name], nats))) == pytest.approx(nats, abs=0.1)


@pytest.mark.parametrize("nats", NATS)
def test_infonce_comes_close_from_below_its_ceiling(nats):
    found = float(infonce(*learnt_scores("infonce", nats)))
    # Above the truth by no more than the sampling error of 4096 pairs.
    assert nats - 0.1 < found < nats + 0.05 < math.log(STORED + 1)


def test_infonce_ends_at_its_ceiling_where_there_is_more_to_find():
    joint, marginal = exact_scores(8.0)
    for candidates in (256, 1024):
        found, ceiling = float(infonce(joint, marginal[:, :candidates])), math.log(candidates + 1)
        assert ceiling - 0.5 < found < ceiling < 8


def test_jsd_is_twice_the_divergence_of_joint_and_marginal():
    """It grows with the information, stays below 2 ln 2, and no critic beats the exact log-ratio."""
    found = [float(jsd(*learnt_scores("jsd", nats))) for nats in NATS]
    best = [float(jsd(*exact_scores(nats))) for nats in NATS]
    assert found == pytest.approx(best, abs=0.02)
    assert all(a - 1e-3 <= b for a, b in zip(found, best, strict=True))
    assert all(a + 0.1 < b for a, b in pairwise(found)) and found[-1] < 2 * math.log(2)
    assert found[0] == pytest.approx(0, abs=0.01)


@pytest.mark.parametrize("bound", [dv, smile, infonce])
@pytest.mark.parametrize("nats", NATS)
def test_the_exact_critic_finds_it_too(bound, nats):
    assert float(bound(*exact_scores(nats))) == pytest.approx(nats, abs=0.1)


def mean_of_logs(joint: Tensor, marginal: Tensor) -> Tensor:
    """The published code's slip: the logarithm inside the sum."""
    return joint.mean() - marginal.mean()


def own_sound_among_the_others(joint: Tensor, marginal: Tensor) -> Tensor:
    return joint.mean() - log_mean_exp(torch.cat([joint.repeat(400)[None], marginal.flatten()[None]], 1))


@pytest.mark.parametrize("wrong", [mean_of_logs, own_sound_among_the_others])
def test_wrong_bounds_would_be_noticed(wrong):
    assert abs(float(wrong(*exact_scores(2.0))) - 2) > 0.2


def test_smile_has_the_gradient_of_jsd_because_its_own_has_no_end():
    joint, marginal = (scores.clone().requires_grad_() for scores in learnt_scores("jsd", 2.0))
    found = torch.autograd.grad(smile(joint, marginal), (joint, marginal))
    for a, b in zip(found, torch.autograd.grad(jsd(joint, marginal), (joint, marginal)), strict=True):
        torch.testing.assert_close(a, b)

    def clipped(t: Tensor, other: Tensor) -> Tensor:
        return t.mean() - log_mean_exp(other.clamp(-SMILE_CLIP, SMILE_CLIP))

    exact = exact_scores(2.0)
    assert float(clipped(*(50 * scores for scores in exact))) > 10 > 2.1 > float(clipped(*exact))


@pytest.mark.parametrize("name", ESTIMATORS)
def test_every_estimator_has_been_judged_here(name):
    assert name in TRAINED
    joint, marginal = exact_scores(1.0)
    shuffled = marginal[:, 0]
    assert float(ESTIMATORS[name]()(shuffled, marginal)) < 0.05
    assert functional.softplus(joint).isfinite().all()
