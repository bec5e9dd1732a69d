"""What is exported is read back by the AVSBench loader: the same pictures, masks and sounds."""

from __future__ import annotations

import pytest
import torch

from avs import avsbench
from avs.stamps.compose import generate
from avs.stamps.errors import StampsError
from avs.stamps.export import export
from avs.stamps.spec import StampsSpec

COUNTS = {"train": 2, "val": 1, "test": 2}


@pytest.mark.parametrize("variant", ["s4", "ms3"])
def test_it_is_read_back_as_it_is(library, tmp_path, variant):
    spec = StampsSpec(size=64, variant=variant)
    assert len(list(export(spec, COUNTS, library, tmp_path))) == 5
    for split, count in COUNTS.items():
        ours = generate(spec, split, count, library)
        theirs = avsbench.load(variant, tmp_path, split, image=64)
        assert len(theirs) == count and torch.equal(theirs.labelled, ours.labelled)
        for clip in range(count):
            read = theirs[clip]
            assert torch.equal((read.frames * 255).round().byte(), ours.frames[clip])
            torch.testing.assert_close(read.logmel, ours.logmel[clip])
            known = ours.labelled[clip]
            assert torch.equal(read.masks[known], ours.masks[clip][known].long())
    with pytest.raises(StampsError, match="is there already, expected a new folder"):
        next(export(spec, COUNTS, library, tmp_path))


def test_semantic_clips_have_no_such_form(library, tmp_path):
    with pytest.raises(StampsError, match=r"variant 'semantic' at 1 frames a second has no form .* expected s4 or ms3"):
        next(export(StampsSpec(size=64, variant="semantic"), COUNTS, library, tmp_path))
    assert not list(tmp_path.iterdir())
