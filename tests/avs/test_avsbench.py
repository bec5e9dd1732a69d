"""AVSBench: where its files lie, what a split holds, how pictures, masks, colours and sounds are read."""

from __future__ import annotations

import csv
import pickle
from functools import partial

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from avs import avsbench
from avs.audio import log_mel
from avs.avsbench import images, logmels, palette
from avs.counterfactual import SILENCE
from avs.resound import other_donors
from avs.robust import CONDITIONS, under
from tools import avsbench_mini as mini

SIZE = 32


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    folder = tmp_path_factory.mktemp("avsbench")
    for make in mini.MAKERS.values():
        make(folder)
    place = avsbench.place("avss", folder)
    for rows in avsbench.index(place).values():
        for row in rows:
            avsbench.build_logmel(place, row)
    return folder


@pytest.fixture(scope="module")
def split(root):
    return partial(avsbench.load, root=root, image=SIZE)


@pytest.mark.parametrize("variant", avsbench.VARIANTS)
def test_root_is_the_collection_or_the_variant(variant, root):
    layout = avsbench.LAYOUTS[variant]
    assert avsbench.place(variant, root) == avsbench.place(variant, root / layout.folder)
    with pytest.raises(ValueError, match=f"{layout.table} is missing"):
        avsbench.place(variant, next(p for p in sorted((root / layout.folder).iterdir()) if p.is_dir()))


@pytest.mark.parametrize(
    "variant, name, frames, labelled",
    [
        ("s4", "train", 5, [[1, 0, 0, 0, 0]] * 3),
        ("s4", "test", 5, [[1] * 5] * 3),
        ("ms3", "train", 5, [[1] * 5] * 3),
        ("avss", "train", 10, [[1] + [0] * 9, [1] * 5 + [0] * 5, [1] * 10]),
        ("avss", "test", 10, [[1] * 5 + [0] * 5, [1] * 5 + [0] * 5, [1] * 10]),
    ],
)
def test_frames_that_may_be_trained_on(variant, name, frames, labelled, split):
    clips = split(variant, split=name)
    assert len(clips) == 3 and clips.frames_per_clip == frames
    assert clips.labelled.int().tolist() == labelled
    pairs = torch.stack(clips.labelled_frames(), 1)
    assert torch.equal(pairs, torch.tensor(labelled).nonzero())
    clip, frame = (i.flatten() for i in torch.meshgrid(torch.arange(3), torch.arange(frames), indexing="ij"))
    batch = clips.frame_batch(clip, frame)
    assert batch["image"].shape == (3 * frames, 3, SIZE, SIZE) and batch["logmel"].shape == (3 * frames, 1, 96, 64)
    assert torch.equal(batch["labelled"], clips.labelled.flatten())
    assert not batch["mask"][~batch["labelled"]].any() and not batch["image"][~clips.valid.flatten()].any()
    assert batch["mask"].max() == 1 or variant == "avss"


def test_a_batch_is_what_the_files_hold(root, split):
    clips = split("s4", split="test")
    place, row = avsbench.place("s4", root), clips.rows[1]
    batch = clips.frame_batch(torch.tensor([1]), torch.tensor([3]))
    path = root / "Single-source/s4_data/visual_frames/test/helicopter/test-clip1_7/test-clip1_7_4.png"
    assert place.image(row, 3) == path
    pixels = np.asarray(Image.open(path).resize((SIZE, SIZE), Image.Resampling.BILINEAR), np.float32) / 255
    wanted = (pixels - np.array([0.485, 0.456, 0.406])) / np.array([0.229, 0.224, 0.225])
    np.testing.assert_allclose(batch["image"][0].permute(1, 2, 0).numpy(), wanted, atol=1e-5)
    # 224 = 7 x 32: the nearest pixel of 32 is the fourth of seven.
    mask = np.asarray(Image.open(place.mask(row, 3)))[3::7, 3::7] > 0
    assert np.array_equal(batch["mask"][0].numpy(), mask)
    stored = pickle.loads(place.logmel(row).read_bytes())  # a file of our own
    assert stored.requires_grad and not batch["logmel"].requires_grad
    assert torch.equal(batch["logmel"][0], stored[3].detach())


def test_a_clip_and_a_subset_tell_the_same_as_a_batch(split):
    clips = split("avss", split="test")
    part = clips.subset(torch.tensor([2, 0]))
    assert [row.name for row in part.rows] == ["test_2_v2", "test_0_v1s"]
    clip = part[0]
    batch = clips.frame_batch(torch.tensor([2]), torch.tensor([9]))
    assert torch.equal(clip.masks[9], batch["mask"][0]) and torch.equal(clip.logmel[9], batch["logmel"][0])
    assert clip.objects.shape == (10, 0, SIZE, SIZE)


def test_another_process_is_sent_what_to_read_and_reads_the_same(split):
    here = split("ms3", split="val")
    index = torch.arange(10) // 5, torch.arange(10) % 5
    batch = here.frame_batch(*index)
    sent = pickle.dumps(here)
    assert len(sent) < 20_000
    there = pickle.loads(sent).frame_batch(*index)
    assert batch.keys() == there.keys() and all(torch.equal(batch[key], there[key]) for key in batch)
    assert here.name(1) == "clip val1 of val"


def test_counts_of_clips(split):
    assert [row.name for row in split("ms3", split="train", count=2).rows] == ["train0", "train1"]
    with pytest.raises(ValueError, match="found 2 clips of split 'val', expected at least 9"):
        split("ms3", split="val", count=9)


@pytest.mark.parametrize(
    "variant, edit, sentence",
    [
        ("s4", lambda t: t.replace("category", "kategorie"), "expected one named 'category'"),
        ("ms3", lambda t: t.replace("split", "part"), "expected one named 'split'"),
        ("avss", lambda t: t.replace("uid", "id"), "expected one named 'uid'"),
        ("avss", lambda t: t.replace("v1m", "v3"), "found label 'v3', expected one of v1s, v1m, v2"),
        ("ms3", lambda t: t.replace(",val", ",dev"), "line 5: found split 'dev', expected one of train, val, test"),
        ("ms3", lambda t: t.replace("test0", "../x"), "found name '../x'"),
        ("ms3", lambda t: t.replace("test0", "test1"), "found clip 'test1' again"),
        ("ms3", lambda t: t.replace(",val", ",test"), "found no clip of split 'val'"),
        ("ms3", lambda t: t.replace("train0,train", "train0"), "line 2: found 1 cells, expected 2"),
        ("ms3", lambda t: "", r"found the columns \(none\)"),
        ("ms3", lambda t: t.encode("utf-16"), "found no readable table"),
    ],
)
def test_a_table_that_cannot_be_meant(variant, edit, sentence, tmp_path):
    path = tmp_path / avsbench.LAYOUTS[variant].table
    headers = {
        "s4": ("name", "start", "category", "split"),
        "ms3": ("video_id", "split"),
        "avss": ("uid", "split", "label"),
    }
    cells = {"s4": "c", "ms3": None, "avss": "v1m"}
    rows = [headers[variant]]
    for name in ("train0", "train1", "train2", "val0", "test0", "test1"):
        row = {"split": name[:-1], "category": "c", "label": cells[variant], "start": 1}
        rows.append(tuple(row.get(column, name) for column in headers[variant]))
    with path.open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    assert len(avsbench.index(avsbench.place(variant, tmp_path))["train"]) == 3
    edited = edit(path.read_text())
    path.write_bytes(edited if isinstance(edited, bytes) else edited.encode())
    with pytest.raises(ValueError, match=sentence) as told:
        avsbench.index(avsbench.place(variant, tmp_path))
    assert str(path) in str(told.value)


def released_palette(classes):
    """The table as it is usually written: a loop over bits."""
    found = []
    for label in range(classes):
        colour, shift = [0, 0, 0], 7
        while label:
            for channel in range(3):
                colour[channel] |= (label >> channel & 1) << shift
            label, shift = label >> 3, shift - 1
        found.append(tuple(colour))
    return found


def test_palette_is_the_released_one():
    colours = palette.palette()
    assert [tuple(c) for c in colours.tolist()] == released_palette(71)
    assert tuple(colours[1]) == (128, 0, 0)
    assert len({tuple(c) for c in colours.tolist()}) == 71


@given(st.lists(st.integers(0, 70), min_size=1, max_size=50))
def test_colours_and_classes_round_trip(labels):
    classes = np.array(labels, np.uint8)
    assert np.array_equal(palette.decode(palette.encode(classes)), classes)


@given(st.tuples(*[st.integers(0, 255)] * 3))
def test_any_other_colour_is_refused(colour):
    image = np.array([[(0, 0, 0), colour]], np.uint8)
    known = released_palette(71)
    if colour in known:
        assert palette.decode(image)[0, 1] == known.index(colour)
    else:
        with pytest.raises(ValueError, match=rf"colour \({colour[0]}, {colour[1]}, {colour[2]}\)"):
            palette.decode(image)


def test_training_pictures_of_avss_are_cropped_and_the_others_squeezed(tmp_path):
    wide = np.zeros((64, 96), np.uint8)
    wide[:, 16:80] = 70  # the centre square
    mini.save(tmp_path / "m.png", palette.encode(wide))
    assert images.read_mask(tmp_path / "m.png", "colour", SIZE, crop=True).min() == 70
    squeezed = images.read_mask(tmp_path / "m.png", "colour", SIZE)
    assert set(squeezed.flatten().tolist()) == {0, 70} and squeezed.shape == (SIZE, SIZE)
    assert (squeezed == 70).mean() == pytest.approx(64 / 96, abs=0.04)
    mini.save(tmp_path / "tall.png", np.ascontiguousarray(palette.encode(wide).transpose(1, 0, 2)))
    assert images.read_mask(tmp_path / "tall.png", "colour", SIZE, crop=True).min() == 70


@pytest.mark.parametrize("mode", ["1", "L", "P"])
def test_a_binary_mask_in_any_mode_that_is_met(mode, tmp_path):
    mask = np.zeros((8, 8), np.uint8)
    mask[2:5, 1:7] = 255
    mini.save(tmp_path / "m.png", mask, mode)
    for kind in ("bit", "index"):
        assert np.array_equal(images.read_mask(tmp_path / "m.png", kind, 8), mask > 0)


def test_a_mask_that_would_silently_be_empty_is_refused(tmp_path):
    mini.save(tmp_path / "m.png", np.eye(8, dtype=np.uint8))
    with pytest.raises(ValueError, match="m.png: found a mask of values up to 1, expected 0 and 255"):
        images.read_mask(tmp_path / "m.png", "index", 8)
    mini.save(tmp_path / "rgb.png", np.zeros((8, 8, 3), np.uint8))
    with pytest.raises(ValueError, match="rgb.png: found an image of mode RGB"):
        images.read_mask(tmp_path / "rgb.png", "index", 8)


@pytest.mark.parametrize("variant, repeat", [("s4", True), ("ms3", True), ("avss", False)])
def test_short_recordings_are_completed_as_released(variant, repeat, root, tmp_path):
    make = mini.MAKERS[variant]
    base = make(tmp_path, {"train": 1, "val": 1, "test": 1})
    place = avsbench.place(variant, base)
    row = avsbench.index(place)["train"][0]
    place.logmel(row).unlink(missing_ok=True)
    tone = mini.sound(place.wav(row), 3.2, np.random.default_rng(0))
    assert avsbench.can_build(place, row)
    avsbench.build_logmel(place, row)
    assert not avsbench.can_build(place, row)
    found, examples = logmels.read_logmel(place.logmel(row), place.layout.frames), log_mel(tone)
    assert len(examples) == 3
    torch.testing.assert_close(found[:3], examples, atol=2e-3, rtol=0)
    assert (found[3:] == (found[2] if repeat else 0)).all()
    # A released loader calls pickle.load and then detach.
    assert torch.equal(pickle.loads(place.logmel(row).read_bytes()).detach(), found)


def test_a_recording_of_another_rate_keeps_its_pitch(tmp_path):
    one, two = tmp_path / "a.wav", tmp_path / "b.wav"
    seconds = np.arange(44_100 * 2) / 44_100
    for path, rate in ((one, 44_100), (two, 16_000)):
        t = seconds[: 2 * rate] if rate == 44_100 else np.arange(32_000) / 16_000
        mini.sound(path, 2, np.random.default_rng(0), rate)
        with mini.wave.open(str(path), "wb") as file:
            file.setparams((1, 2, rate, 0, "NONE", ""))
            file.writeframes((np.sin(2 * np.pi * 440 * t) * 9000).astype("<i2").tobytes())
    a, b = (logmels.read_wav(path) for path in (one, two))
    assert abs(len(a) - len(b)) <= 1
    torch.testing.assert_close(a[1000:30000], b[1000:30000], atol=5e-3, rtol=0)


@pytest.mark.parametrize("content, sentence", [(b"RIFF", "no readable wav"), (b"", "no readable wav")])
def test_a_wav_that_is_none(content, sentence, tmp_path):
    (tmp_path / "a.wav").write_bytes(content)
    with pytest.raises(ValueError, match=f"a.wav: found {sentence}"):
        logmels.read_wav(tmp_path / "a.wav")


def test_other_sounds_are_of_another_category(split):
    clips = split("s4", split="test")
    others = clips.resounded()
    assert set(others) == {"other", "mute"} and set(split("ms3", split="test").resounded()) == {"mute"}
    index = torch.tensor([0, 1, 2]), torch.tensor([4, 0, 2])
    plain, other, mute = (c.frame_batch(*index) for c in (clips, others["other"], others["mute"]))
    for key in ("image", "mask", "labelled"):
        assert torch.equal(plain[key], other[key])
    donor = others["other"].sounds.clip[:, 0]
    assert [clips.rows[i].group != clips.rows[d].group for i, d in enumerate(donor.tolist())] == [True] * 3
    assert torch.equal(other["logmel"], clips.sounds(donor, index[1]))
    assert (mute["logmel"] == SILENCE).all()
    assert other_donors(["one", "one"]) is None


def test_what_is_in_memory_is_bounded(root, monkeypatch):
    monkeypatch.setattr("avs.avsbench.clips.KEPT", 6 * 4 * SIZE * SIZE)
    clips = avsbench.load("ms3", root, "train", image=SIZE)
    every = clips.labelled_frames()
    first, again = clips.frame_batch(*every), clips.frame_batch(*every)
    assert clips.reader.picture.cache_info().currsize == 6
    assert torch.equal(first["image"], again["image"])


@pytest.mark.parametrize("variant", ["s4", "ms3"])
def test_sounds_of_nothing_in_view(split, variant):
    clips = split(variant, split="test")
    index = torch.arange(3), torch.tensor([4, 0, 2])
    own = clips.sounds(*index)
    for condition in CONDITIONS:
        batch = under(clips, condition).frame_batch(*index)
        assert torch.equal(batch["image"], clips.frame_batch(*index)["image"])
        assert not torch.equal(batch["logmel"], own), condition
    donor = CONDITIONS["off_screen"](clips, 0).clip[:, 0].tolist()
    assert all(clips.groups[i] != clips.groups[d] for i, d in enumerate(donor))
