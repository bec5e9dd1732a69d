"""VGGish log-mel: wav [..., samples] at 16 kHz -> examples [..., N, 1, 96, 64] (time, mel).

Frame t is the 400 samples from 160 t on, under a periodic Hann window, zero-padded to 512 (Hershey et al.
2017):

    logmel[t, m] = log(0.01 + sum_f M[f, m] |rfft(hann * wav[160 t : 160 t + 400], 512)[f]|)

M holds 64 HTK triangles from 125 to 7500 Hz, straight in mel (not in Hz). Example n is the frames 96 n to 96
n + 95 of that one continuous sequence, so it begins 0.96 s after the one before, and the rest that fills no
example is dropped.
"""

from functools import cache

import torch
from torch import Tensor
from torchaudio.compliance.kaldi import get_mel_banks

from avs.sound import (
    EXAMPLE_SAMPLES,
    FFT,
    FRAMES,
    HOP,
    LOG_OFFSET,
    MEL_HIGH,
    MEL_LOW,
    MELS,
    SAMPLE_RATE,
    WINDOW,
)


@cache
def mel_matrix() -> Tensor:
    """M [257, 64]. The last bin (8 kHz) lies above every triangle."""
    bank, _ = get_mel_banks(MELS, FFT, float(SAMPLE_RATE), MEL_LOW, MEL_HIGH, 100.0, -500.0, 1.0)
    return torch.nn.functional.pad(bank, (0, 1)).T.contiguous()


@cache
def hann_window() -> Tensor:
    return torch.hann_window(WINDOW, periodic=True)


def log_mel(wav: Tensor) -> Tensor:
    """[..., samples] -> [..., N, 1, 96, 64], N = how many whole examples fit."""
    if not wav.is_floating_point():
        raise ValueError(f"log_mel: found a waveform of {wav.dtype}, expected floats in -1..1; divide int16 by 32768")
    if wav.shape[-1] < EXAMPLE_SAMPLES:
        raise ValueError(
            f"log_mel: found {wav.shape[-1]} samples, expected at least {EXAMPLE_SAMPLES} "
            f"(one example at {SAMPLE_RATE} Hz); pad the end with zeros"
        )
    window, bank = hann_window().to(wav), mel_matrix().to(wav)
    pieces = wav.unfold(-1, WINDOW, HOP)
    count = pieces.shape[-2] // FRAMES
    magnitude = torch.fft.rfft(pieces[..., : count * FRAMES, :] * window, n=FFT).abs()
    mel = torch.log(magnitude @ bank + LOG_OFFSET)
    return mel.reshape(*wav.shape[:-1], count, 1, FRAMES, MELS)


def real_fft_cost(size: int) -> dict[str, int]:
    """Multiplications and additions of one real FFT of `size` = 2 M points, M a power of two.

    It is a complex radix-2 FFT of M points, (M/2) log2 M butterflies of 4 mul and 6 add, and then a step that
    separates the even from the odd half: 4 mul and 10 add for each of M/2 - 1 pairs, 2 add for the ends. The
    halving in that step is folded into the window. Trivial twiddles are counted like the others.
    """
    half = size // 2
    if half < 2 or half & (half - 1):
        raise ValueError(f"real_fft_cost: found size {size}, expected a power of two of at least 4")
    butterflies, pairs = half // 2 * (half.bit_length() - 1), half // 2 - 1
    return {"mul": 4 * butterflies + 4 * pairs, "fadd": 6 * butterflies + 10 * pairs + 2}


def front_end_stages(examples: int = 1) -> dict[str, dict[str, int]]:
    """Arithmetic of `log_mel` by stage, in the columns of the energy tables; every count is exact.

    Per frame: window 400 mul; real FFT as above; magnitude of 257 bins, 2 mul, 1 add and 1 root each; mel one
    fused multiply-add per non-zero tap of M; logarithm 64 adds (the offset) and 64 logarithms.
    """
    bins, taps = FFT // 2 + 1, int(mel_matrix().count_nonzero())
    per_frame: dict[str, dict[str, int]] = {
        "window": {"mul": WINDOW},
        "fft": real_fft_cost(FFT),
        "magnitude": {"mul": 2 * bins, "fadd": bins, "transcendental": bins},
        "mel": {"fmac": taps},
        "log": {"fadd": MELS, "transcendental": MELS},
    }
    frames = FRAMES * examples
    return {stage: {column: n * frames for column, n in cost.items()} for stage, cost in per_frame.items()}


def front_end_cost(examples: int = 1) -> dict[str, int]:
    """The sum of `front_end_stages`: {"mul", "fadd", "fmac", "transcendental"}."""
    total = dict.fromkeys(("mul", "fadd", "fmac", "transcendental"), 0)
    for cost in front_end_stages(examples).values():
        for column, n in cost.items():
            total[column] += n
    return total
