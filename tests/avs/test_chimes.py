"""Chimes: what every clip must satisfy, and that a clip depends on its seed, split and index only."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from avs.chimes import KINDS, SPLITS, VARIANTS, ChimesSpec, cache_path, generate, load, waveform
from avs.chimes.scene import min_pixels
from avs.clip import Clips

specs = st.builds(
    ChimesSpec,
    variant=st.sampled_from(VARIANTS),
    size=st.sampled_from([32, 48, 64]),
    frames=st.integers(1, 5),
    classes=st.integers(4, len(KINDS)),
    clutter=st.sampled_from([0.0, 1.0, 2.0]),
    seed=st.integers(0, 10_000),
)


def same(a: Clips, b: Clips) -> bool:
    return all(torch.equal(value, getattr(b, name)) for name, value in vars(a).items())


@settings(max_examples=25, deadline=None, derandomize=True)
@given(spec=specs, split=st.sampled_from(SPLITS), first=st.integers(0, 500))
def test_every_second_has_a_silent_and_a_sounding_object_in_view(spec, split, first):
    clips = generate(spec, split, 2, first)
    for clip in (clips[0], clips[1]):
        present = clip.classes >= 0
        heard = [set(clip.classes[sounds].tolist()) for sounds in clip.sounding]
        seen = clip.objects.flatten(2).sum(2)
        assert 2 <= int(present.sum()) <= 3 and len(set(clip.classes[present].tolist())) == int(present.sum())
        assert clip.sounding.any(1).all() and not clip.sounding[:, ~present].any()
        assert (seen[:, present] >= min_pixels(spec)).all() and not seen[:, ~present].any()
        assert all(set(clip.classes[present].tolist()) - classes for classes in heard)
        if spec.variant == "s4":
            assert (clip.sounding == clip.sounding[0]).all() and (clip.sounding.sum(1) == 1).all()


@settings(max_examples=8, deadline=None, derandomize=True)
@given(spec=specs, first=st.integers(0, 100), count=st.integers(2, 5))
def test_a_clip_does_not_depend_on_its_company(spec, first, count):
    together = generate(spec, "train", count, first)
    alone = generate(spec, "train", 1, first + count - 1)
    assert same(together.subset(torch.tensor([count - 1])), alone)


def test_equal_seeds_give_equal_clips_and_others_do_not():
    spec = ChimesSpec(size=32, seed=5)
    clips = generate(spec, "train", 3)
    assert same(clips, generate(spec, "train", 3))
    others = [generate(spec, split, 3) for split in ("val", "test")] + [
        generate(ChimesSpec(size=32, seed=6), "train", 3)
    ]
    for other in others:
        assert not any(torch.equal(a, b) for a in clips.frames for b in other.frames)


def test_only_the_first_frame_of_s4_training_is_labelled():
    spec = ChimesSpec(size=32, variant="s4")
    assert generate(spec, "train", 1).labelled.tolist() == [[True, False, False, False, False]]
    assert generate(spec, "val", 1).labelled.all()


def test_sound_is_heard_only_from_what_sounds():
    """The loudness of a second without the timbre of class c must not depend on c being in view."""
    clips = generate(ChimesSpec(size=32), "train", 60)
    siren = [kind.name for kind in KINDS].index("cross")
    present = (clips.classes == siren)[:, None].expand_as(clips.sounding)
    silent = present.any(2) & ~(present & clips.sounding).any(2)
    heard = (present & clips.sounding).any(2)
    band = clips.logmel[..., 0, 30:, 12:26].std(2).mean(-1)
    assert band[heard].mean() > band[silent].mean() + 0.2


def test_nothing_seen_tells_who_sounds():
    """Over many clips, a sounding object is as large, as bright and as often in front as a silent one."""
    clips = generate(ChimesSpec(size=32, frames=1), "train", 400)
    present = clips.classes >= 0
    sounds = clips.sounding[:, 0]
    area = torch.stack([(clips.slots[:, 0] == k + 1).flatten(1).sum(1) for k in range(3)], 1).float()
    grey = clips.frames[:, 0].float().mean(1)
    bright = torch.stack([(grey * (clips.slots[:, 0] == k + 1)).flatten(1).sum(1) for k in range(3)], 1) / area.clamp(
        min=1
    )
    three = present.all(1)
    for quantity in (area, bright, torch.arange(3.0).expand(400, 3)):
        loud, quiet = quantity[three][sounds[three]], quantity[three][~sounds[three]]
        error = quantity[three].std() * (1 / len(loud) + 1 / len(quiet)) ** 0.5
        assert abs(loud.mean() - quiet.mean()) < 3.5 * error


def test_objects_move_between_seconds():
    clips = generate(ChimesSpec(), "train", 8)
    moved = (clips.slots[:, 1:] != clips.slots[:, :-1]).flatten(2).float().mean(2)
    assert (moved > 0).all() and moved.mean() < 0.15


def test_large_pictures():
    clips = generate(ChimesSpec(size=320), "val", 1)
    assert clips.frames.shape == (1, 5, 3, 320, 320) and clips.frames.float().std() > 20


def test_waveform_is_the_sound_behind_the_logmel():
    from avs.audio import log_mel

    spec = ChimesSpec(size=32)
    wave = waveform(spec, "val", 2)
    assert wave.shape == (5, 15600) and abs(wave).max() <= 1
    assert torch.equal(log_mel(torch.from_numpy(wave))[:, 0], generate(spec, "val", 1, 2).logmel[0])


def test_cache_gives_the_same_split_and_leaves_nothing_else(tmp_path):
    spec = ChimesSpec(size=32)
    made = load(spec, "val", 2, tmp_path / "new")
    path = cache_path(spec, "val", 2, tmp_path / "new")
    assert [path] == list((tmp_path / "new").iterdir())
    assert same(made, load(spec, "val", 2, tmp_path / "new")) and same(made, load(spec, "val", 2))
    assert path != cache_path(ChimesSpec(size=32, seed=1), "val", 2, tmp_path / "new")


@pytest.mark.parametrize("content", [b"", b"not a cache", b"PK\x03\x04 cut off"])
def test_corrupt_cache_is_named(tmp_path, content):
    spec = ChimesSpec(size=32)
    path = cache_path(spec, "val", 1, tmp_path)
    path.write_bytes(content)
    with pytest.raises(ValueError, match=f"{path.name}.*delete it"):
        load(spec, "val", 1, tmp_path)


@pytest.mark.parametrize(
    "key, value",
    [("variant", "ms4"), ("classes", 3), ("size", 16), ("max_radius", 0.4), ("min_radius", 0.25)],
)
def test_a_bad_dial_is_named(key, value):
    with pytest.raises(ValueError, match=f"chimes.{key}: found {value!r}, expected"):
        ChimesSpec(**{key: value})


def test_a_bad_split_is_named():
    with pytest.raises(ValueError, match="'dev', expected one of train, val, test"):
        generate(ChimesSpec(size=32), "dev", 1)
    with pytest.raises(ValueError, match="count=0"):
        generate(ChimesSpec(size=32), "val", 0)
