"""The sound that every network here hears: 64 mels of 0.96 s at 16 kHz, as numbers; `avs.audio` makes it."""

SAMPLE_RATE = 16_000
WINDOW, HOP, FFT = 400, 160, 512
MELS, MEL_LOW, MEL_HIGH = 64, 125.0, 7500.0
LOG_OFFSET = 0.01
FRAMES = 96
EXAMPLE_SAMPLES = (FRAMES - 1) * HOP + WINDOW  # 15 600: the shortest sound that gives one example


def frames_in(seconds: int, fps: int) -> int:
    """Frames of a clip whose windows end within it; at one a second, its seconds."""
    return int(fps * (seconds * SAMPLE_RATE - EXAMPLE_SAMPLES) / SAMPLE_RATE) + 1
