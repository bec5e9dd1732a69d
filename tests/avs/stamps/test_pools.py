"""No file crosses from training to a test that says it was not seen."""

from __future__ import annotations

import pytest

from avs.stamps.pools import pool
from avs.stamps.sources import catalogue
from avs.stamps.spec import KINDS, REAL


def of(kept) -> set:
    return {item for items in kept.values() for item in items}


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != REAL])
def test_what_is_unseen_is_never_trained_on(kind):
    train, val, test = pool("train", kind), pool("val", kind), pool("test", kind)
    assert not set(test.backgrounds) & (set(train.backgrounds) | set(val.backgrounds))
    assert not set(val.backgrounds) & set(train.backgrounds)
    for name in ("images", "sounds"):
        known = of(getattr(train, name)) | of(getattr(val, name))
        held = kind in (f"unseen_{name[:-1]}", "unseen_both")
        assert bool(of(getattr(test, name)) & known) is not held
        assert held or of(getattr(test, name)) == of(getattr(train, name))


def test_no_file_of_a_real_photograph_is_ever_trained_on():
    real, known = pool("test", REAL), pool("train", "seen").items() | pool("val", "seen").items()
    assert len(real.sounding) == 9 and not real.items() & known
    for label in real.sounding:
        (picture,), (sound,) = real.images[label], real.sounds[label]
        assert picture.source == sound.source and sound in pool("test", "unseen_sound").sounds[label]


def test_near_duplicates_never_part():
    groups: dict[str, set[str]] = {}
    for split, kind in (("train", "seen"), ("test", "unseen_sound")):
        for item in of(pool(split, kind).sounds):
            if item.group:
                groups.setdefault(item.group, set()).add(split)
    assert groups and all(len(splits) == 1 for splits in groups.values())


def test_every_file_is_used_and_every_class_trained():
    parts = [pool("train", "seen"), pool("val", "seen"), pool("test", "unseen_both"), pool("test", REAL)]
    assert set().union(*(part.items() for part in parts)) == set(catalogue())
    assert len(parts[0].sounding) == 87
    assert len(pool("test", "unseen_both").sounding) == 18
    assert set(pool("test", "unseen_both").sounding) <= set(parts[0].sounding)
