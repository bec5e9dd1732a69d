"""Films are read as they are shown and heard, and written whole or not at all."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from avs.chimes import ChimesSpec, waveform
from avs.sound import EXAMPLE_SAMPLES, SAMPLE_RATE
from avs.video import Film, VideoError, film_at
from avs.video.read import Window
from tests.film_files import make_film, pictures


def test_a_film_is_read_as_it_was_made(tmp_path):
    film = Film.open(make_film(tmp_path / "a.mp4", seconds=2, fps=10, height=48, width=80))
    assert (film.height, film.width, film.rate, film.has_sound) == (48, 80, 10, True)
    frames = list(film.pictures())
    assert [at for at, _ in frames] == pytest.approx([k / 10 for k in range(20)])
    for (_, made), wanted in zip(frames, pictures(20, 48, 80), strict=True):
        assert np.abs(made.astype(int) - wanted).mean() < 16, "but for the codec"
    assert film.seconds == pytest.approx(2, abs=0.1)


def test_each_frame_hears_what_comes_after_it(tmp_path):
    film = Film.open(make_film(tmp_path / "a.mp4", seconds=2, fps=10))
    heard = [wave for *_, wave in film.seen_and_heard()]
    wave = np.resize(waveform(ChimesSpec(fps=10, frames=3), "test", 0), 2 * SAMPLE_RATE)
    for k in (0, 5, 9):
        wanted = wave[k * 1600 : k * 1600 + EXAMPLE_SAMPLES]
        assert len(heard[k]) == EXAMPLE_SAMPLES
        assert np.corrcoef(heard[k], wanted)[0, 1] > 0.9, f"frame {k}"
    assert not heard[19][4000:].any(), "silence after the end"


@pytest.mark.parametrize("sizes", [[100], [7, 1], [1600, 1, 5]])
def test_a_window_slides_over_any_blocks(sizes):
    wave = np.arange(1, 5001, dtype=np.float32)
    cuts = np.cumsum(np.resize(sizes, 6000))
    window = Window(iter(np.split(wave, cuts[cuts < len(wave)])), samples=300)
    for first in (0, 0, 10, 10, 400, 2000, 4900, 6000):
        found = window.at(first / SAMPLE_RATE)
        wanted = np.concatenate([wave[first : first + 300], np.zeros(300, np.float32)])[:300]
        np.testing.assert_array_equal(found, wanted)
        assert len(window.kept) < 300 + max(sizes) + 1, "what has passed is let go"


def test_without_sound_there_is_silence(tmp_path):
    film = Film.open(make_film(tmp_path / "a.mp4", sound=False))
    assert not film.has_sound and not any(wave.any() for *_, wave in film.seen_and_heard())


def test_a_rate_that_varies_is_kept(tmp_path):
    times = [0.0, 0.04, 0.2, 0.25, 0.9]
    film = Film.open(make_film(tmp_path / "a.mp4", times=times))
    assert [at for at, _ in film.pictures()] == pytest.approx(times, abs=1e-4)


@pytest.mark.parametrize(("height", "width"), [(48, 80), (49, 81)])
def test_what_is_written_is_read_again(tmp_path, height, width):
    source = Film.open(make_film(tmp_path / "a.mp4", seconds=1))
    shown = [p.copy() for p in pictures(10, height, width)]
    with film_at(tmp_path / "b.mp4", height, width, Fraction(10), source) as writer:
        for k, picture in enumerate(shown):
            writer.add(k / 10, picture)
    made = Film.open(tmp_path / "b.mp4")
    assert (made.height, made.width) == (height + height % 2, width + width % 2) and made.has_sound
    for (at, picture), (k, wanted) in zip(made.pictures(), enumerate(shown), strict=True):
        assert at == pytest.approx(k / 10, abs=1e-3)
        assert np.abs(picture[:height, :width].astype(int) - wanted).mean() < 16
    ours, theirs = (np.concatenate(list(f.sound())) for f in (made, source))
    assert abs(len(ours) - len(theirs)) < 3000
    length = min(len(ours), len(theirs))
    spectra = [np.abs(np.fft.rfft(x[:length])) for x in (ours, theirs)]
    assert np.corrcoef(*spectra)[0, 1] > 0.95, "the same sound"


def test_nothing_half_written_is_left(tmp_path):
    (tmp_path / "b.mp4").write_bytes(b"mine")
    with pytest.raises(RuntimeError), film_at(tmp_path / "b.mp4", 48, 64, Fraction(10)) as writer:
        writer.add(0, next(iter(pictures(1, 48, 64))))
        raise RuntimeError("in the middle")
    assert [p.name for p in tmp_path.iterdir()] == ["b.mp4"] and (tmp_path / "b.mp4").read_bytes() == b"mine"


def test_what_is_no_film_is_a_sentence(tmp_path):
    (tmp_path / "text.mp4").write_text("not a film at all")
    with pytest.raises(VideoError, match="is no film that can be read"):
        Film.open(tmp_path / "text.mp4")
    with pytest.raises(VideoError, match="is no file, expected a film"):
        Film.open(tmp_path / "missing.mp4")
    with pytest.raises(VideoError, match="holds sound alone"):
        Film.open(make_film(tmp_path / "sound.mp4", sight=False))
    whole = make_film(tmp_path / "whole.mp4", seconds=2).read_bytes()
    (tmp_path / "half.mp4").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(VideoError, match="or it is cut off"):
        Film.open(tmp_path / "half.mp4")


IDENTITY, CLOCKWISE = (1, 0, 0, 0, 1, 0, 0, 0, 0x4000), (0, 1, 0, -1, 0, 0, 0, 0, 0x4000)


def matrix(numbers: tuple[int, ...]) -> bytes:
    """Of a track's header: 16.16 numbers, (x, y) -> (a x + c y, b x + d y)."""
    return b"".join((n << 16 & 0xFFFFFFFF).to_bytes(4, "big") for n in numbers)


def test_a_film_that_is_turned_is_read_the_right_way_up(tmp_path):
    """A header that sends what is right down turns the picture by a quarter, clockwise."""
    content = make_film(tmp_path / "a.mp4", height=48, width=80, sound=False).read_bytes()
    header = content.index(b"tkhd")
    turned = content[:header] + content[header:].replace(matrix(IDENTITY), matrix(CLOCKWISE), 1)
    assert turned != content
    (tmp_path / "b.mp4").write_bytes(turned)
    straight, film = Film.open(tmp_path / "a.mp4"), Film.open(tmp_path / "b.mp4")
    assert (film.height, film.width) == (80, 48)
    for (_, a), (_, b) in zip(straight.pictures(), film.pictures(), strict=True):
        np.testing.assert_array_equal(b, np.rot90(a, -1))
