"""Estimators against an analytic answer; the bank; what training and resuming see."""

import math

import pytest
import torch

from avs.information.audio_bank import AudioBank
from avs.information.estimators import DV, EMA_BOUND, ESTIMATORS, dv, infonce, jsd, log_mean_exp, smile
from avs.information.mutual_information import MutualInformation, pair_scores, sample_pixels, shrink_mask


def gaussians(
    rho: float, pixels: int = 4000, bank: int = 512, seed: int = 0
) -> tuple[torch.Tensor, torch.Tensor, float]:
    """Joint and marginal scores of the exact critic ln p(x, y) / p(x) p(y), and the true information."""
    random = torch.Generator().manual_seed(seed)
    x, other, y_bank = (torch.randn(n, generator=random) for n in (pixels, pixels, bank))
    y = rho * x + math.sqrt(1 - rho**2) * other
    spread = 1 - rho**2

    def critic(a, b):
        return -0.5 * math.log(spread) - (rho**2 * (a**2 + b**2) - 2 * rho * a * b) / (2 * spread)

    return critic(x, y), critic(x[:, None], y_bank[None]), -0.5 * math.log(spread)


@pytest.mark.parametrize("rho", [0.5, 0.8, 0.9])
def test_dv_with_the_exact_critic_is_the_mutual_information(rho):
    joint, marginal, truth = gaussians(rho)
    assert float(dv(joint, marginal)) == pytest.approx(truth, abs=0.1)
    assert float(smile(joint, marginal)) == pytest.approx(truth, abs=0.15)


@pytest.mark.parametrize("rho", [0.5, 0.9, 0.999])
def test_infonce_is_a_bound_below_the_log_of_its_candidates(rho):
    joint, marginal, truth = gaussians(rho, pixels=2000, bank=64)
    found = float(infonce(joint, marginal))
    assert 0 < found < math.log(65) and found < truth + 0.1
    if rho == 0.9:
        assert found == pytest.approx(truth, abs=0.1)


def test_infonce_cannot_exceed_the_log_even_for_huge_scores():
    assert float(infonce(torch.full((3,), 1e4), torch.zeros(3, 255))) == pytest.approx(math.log(256), abs=1e-3)


@pytest.mark.parametrize("name", ESTIMATORS)
def test_independent_gives_nothing(name):
    random = torch.Generator().manual_seed(1)
    x, y, bank = (torch.randn(n, 8, generator=random) for n in (2000, 2000, 256))
    joint, marginal = pair_scores(x, y, bank, torch.zeros(2000, 256, dtype=torch.bool))
    estimate = float(ESTIMATORS[name]()(joint, marginal))
    assert estimate < 0.02
    assert float(ESTIMATORS[name]()(0 * joint, 0 * marginal)) == pytest.approx(0, abs=1e-5)


@pytest.mark.parametrize("estimate", [infonce, dv, smile, jsd])
def test_absent_pairs_do_not_count(estimate):
    joint, marginal, _ = gaussians(0.8, pixels=50, bank=20)
    absent = torch.cat([marginal, torch.full((50, 7), -math.inf)], 1).requires_grad_()
    torch.testing.assert_close(estimate(joint, absent), estimate(joint, marginal))
    (gradient,) = torch.autograd.grad(estimate(joint, absent), absent)
    assert gradient[:, :20].isfinite().all() and not gradient[:, 20:].any()


def test_scores_are_computed_in_fp32_under_autocast():
    x = torch.randn(4, 8, generator=torch.Generator().manual_seed(0))
    nothing = torch.zeros(4, 4, dtype=torch.bool)
    with torch.autocast("cpu", torch.bfloat16):
        found = pair_scores(x, x, x, nothing)
    for a, b in zip(found, pair_scores(x, x, x, nothing), strict=True):
        assert a.dtype == torch.float32 and torch.equal(a, b)


def test_the_running_mean_changes_the_gradient_and_not_the_value():
    joint, marginal, _ = gaussians(0.8, pixels=50, bank=20)
    ema = log_mean_exp(marginal) + math.log(2)
    assert float(dv(joint, marginal, ema)) == pytest.approx(float(dv(joint, marginal)), abs=1e-6)
    marginal.requires_grad_()
    (plain,) = torch.autograd.grad(dv(joint, marginal), marginal)
    (corrected,) = torch.autograd.grad(dv(joint, marginal, ema), marginal)
    torch.testing.assert_close(corrected, plain / 2)


def test_dv_module_tracks_the_mean_of_the_exponentials():
    module, joint = DV(decay=0.75), torch.zeros(4)
    module(joint, torch.zeros(4, 3))
    module(joint, torch.full((4, 3), math.log(1.2)))
    assert float(module.log_ema) == pytest.approx(math.log(0.75 * 1 + 0.25 * 1.2))
    before = float(module.log_ema)
    module.eval()(joint, torch.full((4, 3), 9.0))
    assert float(module.log_ema) == before


def test_an_outlying_batch_does_not_silence_the_marginals():
    """Unbounded, a batch of e^20 would leave the second term's gradient below 1 % for two thousand steps."""
    module, joint = DV(), torch.zeros(4)
    for score in (0.0, 20.0, 0.0):
        marginal = torch.full((4, 3), score, requires_grad=True)
        module(joint, marginal).backward()
        assert marginal.grad is not None
        assert math.exp(-EMA_BOUND) - 1e-5 <= -float(marginal.grad.sum()) <= math.exp(EMA_BOUND) + 1e-5


def test_bank_is_first_in_first_out_and_detached():
    bank = AudioBank(2)
    tokens = torch.arange(600.0).reshape(300, 2).requires_grad_()
    for start in range(0, 300, 60):
        bank.push(tokens[start : start + 60], torch.arange(start, start + 60))
    assert not bank.tokens.requires_grad
    assert set(bank.clips.tolist()) == set(range(44, 300))
    for token, clip in zip(bank.tokens.tolist(), bank.clips.tolist(), strict=True):
        assert token == [2.0 * clip, 2.0 * clip + 1]


def test_bank_leaves_out_the_own_clip_and_empty_places():
    bank = AudioBank(2)
    bank.push(torch.ones(3, 2), torch.tensor([7, 8, 7]))
    present = ~bank.absent(torch.tensor([7, 8, 9]))
    assert [row.nonzero()[:, 0].tolist() for row in present] == [[1], [0, 2], [0, 1, 2]]


def test_bank_refuses_what_it_cannot_hold():
    with pytest.raises(ValueError, match="found size 64, expected at least 256"):
        AudioBank(2, 64)
    with pytest.raises(ValueError, match="batch of 257"):
        AudioBank(2).push(torch.zeros(257, 2), torch.zeros(257, dtype=torch.long))
    with pytest.raises(ValueError, match="expected 2 indices"):
        AudioBank(2).push(torch.zeros(2, 2), torch.tensor([0, -1]))


def test_sampled_pixels_are_foreground_and_seeded():
    mask = torch.zeros(3, 4, 4)
    mask[0, 1, 2] = mask[2, 3] = 1
    frame, pixel = sample_pixels(mask, 6, torch.Generator().manual_seed(0))
    assert frame.tolist() == [0] * 6 + [2] * 6
    assert mask.flatten(1)[frame, pixel].all()
    assert torch.equal(pixel, sample_pixels(mask, 6, torch.Generator().manual_seed(0))[1])
    assert len(sample_pixels(torch.zeros(2, 4, 4), 6, torch.Generator())[0]) == 0


def test_shrunk_mask_is_the_majority():
    mask = torch.zeros(1, 4, 4)
    mask[0, :2, :2] = 1
    mask[0, 2:, 2] = 1
    assert shrink_mask(mask, (2, 2)).tolist() == [[[True, False], [False, False]]]


def batch(seed: int) -> tuple[torch.Tensor, ...]:
    random = torch.Generator().manual_seed(seed)
    pixels, audio = torch.randn(4, 8, 4, 4, generator=random), torch.randn(4, 8, generator=random)
    return pixels, audio, torch.ones(4, 8, 8), torch.arange(4) + 4 * seed


def test_resumed_from_a_state_dict_it_goes_on_alike():
    random = torch.Generator()
    straight = MutualInformation("dv", pixel_dim=8, audio_dim=8)
    for seed in range(3):
        straight(*batch(seed), random.manual_seed(seed))
    resumed = MutualInformation("dv", pixel_dim=8, audio_dim=8)
    resumed.load_state_dict(straight.state_dict())
    for seed in range(3, 5):
        a = straight(*batch(seed), random.manual_seed(seed))
        b = resumed(*batch(seed), random.manual_seed(seed))
        assert torch.equal(a, b)


def test_no_pair_no_gradient():
    module, random = MutualInformation(pixel_dim=8, audio_dim=8), torch.Generator().manual_seed(0)
    pixels, audio, mask, clip = batch(0)
    pixels.requires_grad_()
    for found in (
        module(pixels, audio, 0 * mask, clip, random),
        MutualInformation(pixel_dim=8, audio_dim=8)(pixels, audio, mask, 0 * clip, random),
    ):
        found.backward()
        assert float(found.detach()) == 0 and not pixels.grad.any()


def test_evaluation_leaves_the_bank_alone():
    module, random = MutualInformation(pixel_dim=8, audio_dim=8), torch.Generator().manual_seed(0)
    module(*batch(0), random)
    before = {name: value.clone() for name, value in module.state_dict().items()}
    module.eval()(*batch(1), random)
    assert all(torch.equal(before[name], value) for name, value in module.state_dict().items())


def learnt(name: str, permuted: bool) -> float:
    """The last estimates of a critic on pixels that tell which of four sounds their clip has: ln 4 nats."""
    codes, random, values = torch.eye(4), torch.Generator().manual_seed(0), []
    torch.manual_seed(0)
    module = MutualInformation(name, pixel_dim=4, audio_dim=4, dim=8, per_frame=4)
    optimizer = torch.optim.Adam(module.parameters(), lr=0.03)
    for step in range(150):
        label = torch.randint(4, (16,), generator=random)
        sound = codes[label[torch.randperm(16, generator=random)] if permuted else label]
        pixels = codes[label][:, :, None, None].expand(16, 4, 2, 2)
        estimate = module(pixels, sound, torch.ones(16, 2, 2), torch.arange(16) + 16 * step, random)
        optimizer.zero_grad()
        (-estimate).backward()
        optimizer.step()
        values.append(float(estimate.detach()))
    return sum(values[-20:]) / 20


@pytest.mark.parametrize("name", ["infonce", "dv"])
def test_a_critic_learns_a_dependence_and_no_more(name):
    assert 1.1 < learnt(name, permuted=False) < math.log(4) + 0.1
    assert learnt(name, permuted=True) < 0.1


def test_no_gradient_reaches_the_audio():
    module, random = MutualInformation(pixel_dim=8, audio_dim=8), torch.Generator().manual_seed(0)
    pixels, audio, mask, clip = batch(0)
    found = module(pixels.requires_grad_(), audio.requires_grad_(), mask, clip, random)
    found.backward()
    assert pixels.grad is not None and pixels.grad.any() and audio.grad is None
    assert all(p.grad is not None and p.grad.isfinite().all() for p in module.parameters())


def test_an_unknown_estimator_is_named():
    with pytest.raises(ValueError, match="'mine', expected one of infonce, dv, smile, jsd"):
        MutualInformation("mine", pixel_dim=8, audio_dim=8)
