"""The log-mel front end against VGGish's own numbers, and its cost against a count by hand."""

from pathlib import Path

import numpy as np
import pytest
import torch

from avs import audio

VECTORS = Path(__file__).parents[1] / "vectors" / "metrics_audio.npz"


@pytest.fixture(scope="module")
def vectors() -> dict[str, torch.Tensor]:
    with np.load(VECTORS) as file:
        return {name: torch.from_numpy(file[name]) for name in ("wav", "logmel")}


def test_equals_vggish(vectors):
    found = audio.log_mel(vectors["wav"])
    assert found.shape == (5, 1, 96, 64)
    torch.testing.assert_close(found, vectors["logmel"], rtol=0, atol=1e-4)


def test_example_n_starts_at_n_times_096_seconds(vectors):
    start = 3 * audio.FRAMES * audio.HOP
    alone = audio.log_mel(vectors["wav"][start : start + audio.EXAMPLE_SAMPLES])
    torch.testing.assert_close(alone[0], vectors["logmel"][3], rtol=0, atol=1e-4)


def test_leading_dimensions_are_kept(vectors):
    stacked = vectors["wav"][: 2 * 16000].expand(2, 3, -1)
    found = audio.log_mel(stacked)
    assert found.shape == (2, 3, 2, 1, 96, 64)
    torch.testing.assert_close(found[1, 2], vectors["logmel"][:2], rtol=0, atol=1e-4)


def test_silence_is_log_of_the_offset():
    found = audio.log_mel(torch.zeros(audio.EXAMPLE_SAMPLES))
    torch.testing.assert_close(found, torch.full((1, 1, 96, 64), float(np.log(0.01))))


def test_a_tone_is_loudest_in_its_band():
    seconds = torch.arange(audio.EXAMPLE_SAMPLES) / audio.SAMPLE_RATE
    spectrum = audio.log_mel(torch.sin(2 * torch.pi * 1000 * seconds))[0, 0].mean(0)
    mel = 1127 * np.log1p(np.array([125.0, 1000.0, 7500.0]) / 700)
    expected = (mel[1] - mel[0]) / (mel[2] - mel[0]) * 65 - 1
    assert abs(int(spectrum.argmax()) - expected) <= 1


def test_short_or_integer_sound_is_refused():
    with pytest.raises(ValueError, match="15599 samples, expected at least 15600"):
        audio.log_mel(torch.zeros(15599))
    with pytest.raises(ValueError, match="divide int16 by 32768"):
        audio.log_mel(torch.zeros(16000, dtype=torch.int16))


def counted_fft(values: list[complex], count: dict[str, int]) -> list[complex]:
    """A plain recursive radix-2 FFT that counts its real operations."""
    size = len(values)
    if size == 1:
        return values
    even, odd = counted_fft(values[::2], count), counted_fft(values[1::2], count)
    top, bottom = [], []
    for k in range(size // 2):
        turned = odd[k] * complex(np.exp(-2j * np.pi * k / size))
        count["mul"] += 4
        count["fadd"] += 2 + 4
        top.append(even[k] + turned)
        bottom.append(even[k] - turned)
    return top + bottom


def counted_real_fft(values: np.ndarray, count: dict[str, int]) -> np.ndarray:
    """2 M real points by a complex FFT of M; the caller halves the input."""
    half = len(values) // 2
    z = counted_fft([complex(a, b) for a, b in zip(values[::2], values[1::2], strict=True)], count)
    found = np.empty(half + 1, complex)
    found[0], found[half] = 2 * (z[0].real + z[0].imag), 2 * (z[0].real - z[0].imag)
    count["fadd"] += 2
    for k in range(1, half // 2):
        mirrored = z[half - k].conjugate()
        same, other = z[k] + mirrored, (z[k] - mirrored) * -1j * np.exp(-1j * np.pi * k / half)
        found[k], found[half - k] = same + other, (same - other).conjugate()
        count["mul"] += 4
        count["fadd"] += 2 + 2 + 2 + 2 + 2
    found[half // 2] = 2 * z[half // 2].conjugate()
    return found


@pytest.mark.parametrize("size", [4, 8, 64, 512])
def test_fft_cost_is_what_an_fft_does(size):
    count = {"mul": 0, "fadd": 0}
    values = np.random.default_rng(0).standard_normal(size)
    np.testing.assert_allclose(counted_real_fft(values / 2, count), np.fft.rfft(values), atol=1e-9)
    assert audio.real_fft_cost(size) == count


def test_front_end_cost():
    taps = int((audio.mel_matrix() > 0).sum())
    total = audio.front_end_cost()
    assert total["fmac"] == 96 * taps and 400 < taps < 500
    assert total["transcendental"] == 96 * (257 + 64)
    assert audio.front_end_cost(3) == {column: 3 * n for column, n in total.items()}
    for column, n in total.items():
        assert n == sum(stage.get(column, 0) for stage in audio.front_end_stages().values())
    with pytest.raises(ValueError, match="power of two"):
        audio.real_fft_cost(400)
