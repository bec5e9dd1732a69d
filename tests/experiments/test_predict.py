"""``--mode predict``: a user's film in, what sounds marked out; the same masks as evaluation's, in constant memory."""

from __future__ import annotations

import csv
import subprocess
import sys

import numpy as np
import pytest
import torch
from PIL import Image

from avs.audio import log_mel
from avs.video import Film
from convert.fold import fold_network
from convert.snap import snap
from experiments.cli import main
from experiments.modes.predict import StreamSettings
from experiments.network import load_run
from experiments.prediction.network import Predictor, labels
from experiments.prediction.picture import TraceStrip, overlay
from graph.lower import Network, lower
from graph.models import build
from graph.neuron import Neuron
from graph.passes import SpikeSpec, spikify
from graph.task import Task
from snn import SNN
from tests.experiments.conftest import ROOT
from tests.film_files import make_film, pictures


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    return make_film(tmp_path_factory.mktemp("films") / "in.mp4", seconds=1.2, fps=10, height=90, width=120)


def predict(run, *words) -> int:
    return main(["--mode", "predict", "--run", str(run), *map(str, words)])


def rows_of(path) -> list[dict[str, str]]:
    return list(csv.DictReader(path.read_text().splitlines()))


def masks_of(path) -> list[np.ndarray]:
    with np.load(path) as archive:
        return [archive[name] for name in sorted(archive.files)]


@torch.no_grad()
def by_evaluation(run, film) -> list[np.ndarray]:
    """The deployed network's own masks of the film's frames."""
    network, found = load_run(str(run)).deployed, []
    for _, picture, wave in Film.open(film).seen_and_heard():
        image = torch.from_numpy(picture.copy()).permute(2, 0, 1)[None]
        found.append(labels(network.predict(image, log_mel(torch.from_numpy(wave))[:1])[0], *picture.shape[:2]))
    return found


def test_a_film_is_marked(converted_run, film, tmp_path, capsys):
    out, archive, table = tmp_path / "out.mp4", tmp_path / "masks.npz", tmp_path / "t.csv"
    assert predict(converted_run, "--video", film, "--out", out, "--masks", archive, "--table", table) == 0
    said = capsys.readouterr().out
    assert "trained on chimes" in said and "12 frames" in said
    made = Film.open(out)
    assert (made.height, made.width, made.rate, made.has_sound) == (90, 120, 10, True)
    masks = masks_of(archive)
    assert len(masks) == len(list(made.pictures())) == 12
    for ours, theirs in zip(masks, by_evaluation(converted_run, film), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    rows = rows_of(table)
    assert [(r["second"], r["frames"]) for r in rows] == [("0", "10"), ("1", "2")]
    assert all(0 < int(r["adds_stream"]) <= int(r["adds_framewise"]) for r in rows)
    assert float(rows[0]["share"]) == pytest.approx(np.mean([m > 0 for m in masks[:10]]), abs=1e-3)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["masks.npz", "out.mp4", "t.csv"], "nothing else is left"


def test_streams_and_key_frames_give_the_same_masks(converted_run, film, tmp_path):
    for name, words in {"off": ["--stream", "off"], "keys": ["--stream.keyframe", "3"], "exact": []}.items():
        assert predict(converted_run, "--video", film, "--masks", tmp_path / f"{name}.npz", *words) == 0
    for a, b, c in zip(*(masks_of(tmp_path / f"{n}.npz") for n in ("off", "keys", "exact")), strict=True):
        np.testing.assert_array_equal(a, b)
        np.testing.assert_array_equal(a, c)


def test_a_dead_band_saves_additions(converted_run, film, tmp_path):
    adds = []
    for name, words in {"exact": [], "dead": ["--stream", "deadband", "--stream.deadband", "8"]}.items():
        assert predict(converted_run, "--video", film, "--table", tmp_path / f"{name}.csv", *words) == 0
        adds.append(sum(int(r["adds_stream"]) for r in rows_of(tmp_path / f"{name}.csv")))
    assert adds[1] < adds[0]


def test_frames_and_one_picture(converted_run, film, tmp_path):
    folder, wav = tmp_path / "frames", make_film(tmp_path / "sound.mp4", sight=False)
    folder.mkdir()
    for k, pixels in enumerate(pictures(4, 51, 77)):
        Image.fromarray(pixels).save(folder / f"{k:02d}.png")
    words = ["--frames", folder, "--fps", "10", "--wav", wav]
    assert predict(converted_run, *words, "--out", tmp_path / "o.mp4", "--masks", tmp_path / "masks") == 0
    assert [p.name for p in sorted((tmp_path / "masks").iterdir())] == [f"{k:06d}.png" for k in range(1, 5)]
    assert (Film.open(tmp_path / "o.mp4").height, Film.open(tmp_path / "o.mp4").width) == (52, 78)
    one = ["--image", folder / "00.png", "--wav", wav, "--out", tmp_path / "one.png", "--masks", tmp_path / "one.npz"]
    assert predict(converted_run, *one) == 0
    with Image.open(tmp_path / "one.png") as marked:
        assert marked.size == (77, 51)
    with Image.open(tmp_path / "masks" / "000001.png") as first:
        np.testing.assert_array_equal(np.asarray(first) > 0, masks_of(tmp_path / "one.npz")[0] > 0)


def test_a_network_that_cannot_stream_goes_frame_by_frame(small, ann_run, film, tmp_path, capsys):
    run = small("snn", "snn-off-grid", "--train.epochs", "0")
    assert predict(run, "--video", film, "--masks", tmp_path / "m.npz") == 2
    assert "--stream is 'exact', but" in (said := capsys.readouterr().err) and "nearest: --stream off" in said
    assert predict(run, "--video", film, "--masks", tmp_path / "m.npz", "--stream", "off") == 0
    for ours, theirs in zip(masks_of(tmp_path / "m.npz"), by_evaluation(run, film), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_what_a_user_can_get_wrong_is_a_sentence(converted_run, film, tmp_path, capsys):
    (tmp_path / "text.mp4").write_text("no film")
    (tmp_path / "empty").mkdir()
    silent = make_film(tmp_path / "silent.mp4", sound=False)
    before = sorted(p.name for p in tmp_path.iterdir())
    out = tmp_path / "out.mp4"

    def refused(*words) -> str:
        assert predict(converted_run, *words) == 2
        said = capsys.readouterr().err
        assert len(said.strip().splitlines()) == 1
        return said

    assert "expected one of --video FILM" in refused("--out", out)
    assert "found --video and --image" in refused("--video", film, "--image", film, "--out", out)
    assert "nothing is to be written" in refused("--video", film)
    assert "is no film that can be read" in refused("--video", tmp_path / "text.mp4", "--out", out)
    assert "is no file, expected a film" in refused("--video", tmp_path / "none.mp4", "--out", out)
    assert "which is read, expected another name" in refused("--video", film, "--out", film)
    assert "ends in .mp4" in refused("--video", film, "--out", tmp_path / "out.avi")
    assert "there is no folder" in refused("--video", film, "--out", tmp_path / "no" / "out.mp4")
    assert "holds no pictures" in refused("--frames", tmp_path / "empty", "--out", out)
    assert "is no picture" in refused("--image", tmp_path / "text.mp4", "--out", tmp_path / "o.png")
    (tmp_path / "some").mkdir()
    Image.new("RGB", (8, 8)).save(tmp_path / "some" / "1.png")
    Image.new("RGB", (8, 9)).save(tmp_path / "some" / "2.png")
    before = sorted(p.name for p in tmp_path.iterdir())
    assert "holds no sound" in refused("--frames", tmp_path / "some", "--wav", silent, "--out", out)
    assert "has 8 x 9 pixels, expected 8 x 8" in refused("--frames", tmp_path / "some", "--out", out)
    assert "nearest: 'exact'" in refused("--video", film, "--out", out, "--stream", "exakt")
    assert "there already" in refused("--video", film, "--masks", tmp_path / "empty")
    assert sorted(p.name for p in tmp_path.iterdir()) == before, "nothing was written"


def test_what_sounds_is_tinted_and_the_rest_is_left():
    picture = np.full((20, 20, 3), 100, np.uint8)
    mask = np.zeros((20, 20), np.uint8)
    mask[5:15, 5:15] = 1
    shown = overlay(picture, mask, 0.5)
    assert (shown[0, 0] == 100).all() and (shown[10, 10] == [50, 107, 139]).all()
    assert (overlay(picture, mask * 0, 0.5) == picture).all()
    assert (overlay(picture, mask, 0.0)[10, 10] == 100).all()


def test_the_strip_shows_both_counts():
    strip, picture = TraceStrip(100, 250), np.full((100, 250, 3), 200, np.uint8)
    for adds in ((100.0, 100.0), (100.0, 25.0)):
        shown = strip.drawn(picture, adds)
    assert (shown[:88] == 200).all()
    bottom = shown[88:]
    blue = (bottom == [86, 180, 233]).all(-1).sum(0)
    grey = (bottom == [110, 110, 110]).all(-1).sum(0)
    assert blue[0] == 12 and (blue[1], grey[1]) == (3, 9) and blue[2] == 0


def test_a_film_from_python(converted_run, film):
    """A run's folder alone; equal to ``predict`` of each frame, bit for bit."""
    network = Network.load(converted_run / "deployed")
    seen = list(Film.open(film).seen_and_heard())
    sound = np.concatenate(list(Film.open(film).sound()))
    pictures = [torch.from_numpy(p.copy()).permute(2, 0, 1) for _, p, _ in seen]
    outs = list(network.stream(pictures, sound, fps=10))
    assert len(outs) == len(pictures)
    for out, picture, (*_, wave) in zip(outs, pictures, seen, strict=True):
        wanted = network.predict(picture[None], log_mel(torch.from_numpy(wave))[:1])[0]
        assert torch.equal(out + 0.0, wanted + 0.0)
    assert len(list(network.stream(iter(pictures[:2])))) == 2, "any iterable, and silence"


PEAK = """
import resource, sys
from experiments.cli import main
assert main(sys.argv[1:]) == 0
print("peak", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


@pytest.fixture(scope="module")
def of_windows():
    """ETAVS, which looks at five frames at once, with random weights."""
    graph = spikify(build("etavs", "micro").pruned(["mask"]), SpikeSpec(neuron=Neuron(levels=4), score="linear"))
    torch.manual_seed(0)
    return snap(fold_network(lower(graph, SNN, task=Task(preparation="grid")).eval()), 8)


def seven_frames():
    random = np.random.default_rng(0)
    picture = random.integers(0, 256, (40, 48, 3), np.uint8)
    for k in range(7):
        moved = picture.copy()
        moved[8:16, k : k + 8] = 255
        yield k / 25, moved, random.normal(0, 0.1, 15600).astype(np.float32)


def test_a_network_that_looks_at_five_frames_streams_window_by_window(of_windows):
    masks = {}
    for how in ("off", "exact"):
        marked = list(Predictor(of_windows, StreamSettings(how=how)).over(seven_frames()))
        assert [m.seconds for m in marked] == [k / 25 for k in range(7)]
        masks[how] = np.stack([m.mask for m in marked])
    np.testing.assert_array_equal(masks["exact"], masks["off"])
    whole, changes = marked[0].adds
    assert marked[0].adds == marked[4].adds != marked[5].adds, "a window's additions are shared among its frames"
    assert 0 < changes < whole, "frames of the first window follow one another too"


def test_a_film_of_windows_from_python(of_windows):
    pictures = [torch.from_numpy(picture).permute(2, 0, 1) for _, picture, _ in seven_frames()]
    sound = np.random.default_rng(1).normal(0, 0.1, 16000).astype(np.float32)
    masks = torch.stack(list(of_windows.stream(pictures, sound, fps=25)))
    assert masks.shape == (7, 1, 32, 32)
    again = torch.stack(list(of_windows.stream([*pictures, pictures[-1], pictures[-1], pictures[-1]], sound, fps=25)))
    assert torch.equal(masks[:5], again[:5])


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_long_film_takes_no_more_memory_than_a_short_one(converted_run, tmp_path):
    peaks = []
    for seconds in (3, 18):
        source = make_film(tmp_path / f"{seconds}.mp4", seconds=seconds, fps=30, height=360, width=640)
        words = ["--mode", "predict", "--run", converted_run, "--video", source, "--out", tmp_path / f"o{seconds}.mp4"]
        done = subprocess.run(
            [sys.executable, "-c", PEAK, *map(str, words)], cwd=ROOT, capture_output=True, text=True, timeout=600
        )
        assert done.returncode == 0, done.stderr
        peaks.append(int(done.stdout.split("peak ")[1]))
    assert peaks[1] < 1.1 * peaks[0], peaks
