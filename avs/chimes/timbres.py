"""Timbres: (random, samples) -> wave [samples] of rms 1 at 16 kHz. Pitch and rhythm vary.

A tone is a wavetable read at phase f t: one look-up per sample instead of one sine per partial. Noise is cut
at a random place out of long fixed recordings, made once from a fixed seed.
"""

from functools import cache

import numpy as np
from numpy.random import Generator, default_rng

from avs.chimes.shapes import Array
from avs.sound import SAMPLE_RATE

TABLE = 4096
NOISE = 1 << 18
HISS_BANDS = ((2200.0, 3600.0), (2800.0, 4400.0), (3400.0, 5600.0))


@cache
def wavetable(partials: tuple[float, ...]) -> Array:
    """One period of sum_k partials[k] sin(k + 1)x."""
    x = np.arange(TABLE) * (2 * np.pi / TABLE)
    order = np.arange(1, len(partials) + 1)[:, None]
    return (np.array(partials) @ np.sin(order * x)).astype(np.float32)


@cache
def noise(low: float = 0.0, high: float = SAMPLE_RATE / 2) -> Array:
    """White noise between two frequencies, rms 1."""
    spectrum = np.fft.rfft(default_rng(2018).standard_normal(NOISE))
    frequency = np.fft.rfftfreq(NOISE, 1 / SAMPLE_RATE)
    wave = np.fft.irfft(np.where((frequency >= low) & (frequency <= high), spectrum, 0), NOISE)
    return (wave / wave.std()).astype(np.float32)


@cache
def seconds(samples: int) -> Array:
    return (np.arange(samples) / SAMPLE_RATE).astype(np.float32)


def cut(recording: Array, random: Generator, samples: int) -> Array:
    """A stretch from a random place; one longer than the recording repeats it."""
    if samples >= NOISE:
        recording = np.tile(recording, samples // NOISE + 2)
    start = int(random.integers(0, len(recording) - samples))
    return recording[start : start + samples]


def tone(table: Array, cycles: Array) -> Array:
    """The wavetable at a phase counted in cycles (never negative)."""
    return table[(cycles * TABLE).astype(np.int32) & (TABLE - 1)]


def unit(wave: Array) -> Array:
    return wave / np.sqrt(np.mean(wave * wave) + 1e-12)


def organ(random: Generator, samples: int) -> Array:
    """Steady harmonics of 180 to 300 Hz."""
    f, phase = random.uniform(180, 300), random.uniform(0, 1)
    return unit(tone(wavetable((1.0, 0.7, 0.5, 0.35, 0.25)), f * seconds(samples) + np.float32(phase)))


def hiss(random: Generator, samples: int) -> Array:
    """A band of noise between 2.2 and 5.6 kHz that swells slowly."""
    low, high = HISS_BANDS[int(random.integers(len(HISS_BANDS)))]
    swell = tone(wavetable((1.0,)), random.uniform(0.8, 2.0) * seconds(samples) + np.float32(random.uniform(0, 1)))
    return unit(cut(noise(low, high), random, samples) * (1 + 0.5 * swell))


def bell(random: Generator, samples: int) -> Array:
    """Strikes, 2 to 4 a second, of inharmonic partials over 900 to 1500 Hz that ring out."""
    t, f, rate = seconds(samples), random.uniform(900, 1500), random.uniform(2, 4)
    since_strike = np.mod(t * rate + random.uniform(0, 1), 1) / rate
    sine, ring = wavetable((1.0,)), np.exp(-7 * since_strike)
    return unit(ring * (tone(sine, f * t) + 0.6 * tone(sine, 2.76 * f * t) + 0.4 * ring * tone(sine, 5.4 * f * t)))


def siren(random: Generator, samples: int) -> Array:
    """A pure tone that sweeps over an octave, 500 to 1400 Hz at its start, 2 to 4 times a second."""
    t, f, rate = seconds(samples), random.uniform(500, 700), random.uniform(2, 4)
    turn = t * rate + np.float32(random.uniform(0, 1))
    whole, part = np.floor(turn), np.mod(turn, 1)
    # The integral of f (1 + part) over time, so that the phase has no jump.
    return unit(tone(wavetable((1.0, 0.2)), (f / rate) * (1.5 * whole + part + 0.5 * part * part)))


def rattle(random: Generator, samples: int) -> Array:
    """Short clicks of wide noise, 14 to 24 a second."""
    turn = np.mod(seconds(samples) * random.uniform(14, 24) + np.float32(random.uniform(0, 1)), 1)
    return unit(cut(noise(), random, samples) * np.exp(-12 * turn))


def tremolo(random: Generator, samples: int) -> Array:
    """A reed of 380 to 560 Hz, odd partials only, cut on and off 7 to 11 times a second."""
    t, f, rate = seconds(samples), random.uniform(380, 560), random.uniform(7, 11)
    gate = np.mod(t * rate + np.float32(random.uniform(0, 1)), 1) < 0.55
    return unit(tone(wavetable((1.0, 0.0, 0.6, 0.0, 0.4, 0.0, 0.3)), f * t) * (gate + np.float32(0.05)))
