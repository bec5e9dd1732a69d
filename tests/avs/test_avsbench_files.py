"""Files that nobody vouches for: hostile pickles, and what the checker says of a collection that is not whole."""

from __future__ import annotations

import io
import os
import pickle
import shutil
from collections import OrderedDict
from contextlib import suppress

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from avs import avsbench
from avs.avsbench.unpickle import tensor_of
from tools import avsbench_mini as mini


def saved(value, **options):
    file = io.BytesIO()
    torch.save(value, file, **options)
    return file.getvalue()


ZEROS = torch.zeros(5, 1, 96, 64)
LOGMEL = torch.arange(5 * 96 * 64.0).reshape(5, 1, 96, 64)


@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
def test_pickles_of_every_protocol(protocol):
    tensor = LOGMEL.clone().requires_grad_() * 2  # not a leaf, as the released preprocessing leaves it
    found = tensor_of(pickle.dumps(tensor, protocol=protocol))
    assert torch.equal(found, tensor) and not found.requires_grad


@pytest.mark.parametrize("zipped", [True, False])
def test_files_of_torch_save(zipped):
    assert torch.equal(tensor_of(saved(LOGMEL, _use_new_zipfile_serialization=zipped)), LOGMEL)


def test_views_keep_their_strides():
    tensor = torch.randn(7, 64, 96, 1).transpose(1, 3)[1:6]
    found = tensor_of(pickle.dumps(tensor))
    assert torch.equal(found, tensor) and found.is_contiguous()


class Calls:
    """Pickled as a call of anything."""

    def __init__(self, function, *arguments):
        self.call = (function, arguments)

    def __reduce__(self):
        return self.call


class Sets(Calls):
    """A tensor's pickle, and then a state to set on what came out."""

    def __reduce__(self):
        return (torch._utils._rebuild_tensor_v2, torch.zeros(2).__reduce_ex__(2)[1], {"grad_fn": 1})


def storage():
    return torch.arange(6.0).__reduce_ex__(2)[1][0]


def rebuilt(offset, size, stride):
    return Calls(torch._utils._rebuild_tensor_v2, storage(), offset, size, stride, False, OrderedDict())


def hidden(target):
    """The bytes inside a tensor's pickle are a pickle too: this one calls."""
    return Calls(torch.storage._load_from_bytes, saved(target, _use_new_zipfile_serialization=False))


HOSTILE = {
    "system": (lambda mark: Calls(os.system, f"touch {mark}"), r"asks for posix.system"),
    "eval": (lambda mark: Calls(eval, f"open({str(mark)!r}, 'w')"), r"asks for builtins.eval"),
    "torch.load": (lambda mark: Calls(torch.load, str(mark)), r"asks for torch.serialization.load"),
    "getattr": (lambda mark: Calls(getattr, "text", "upper"), r"asks for builtins.getattr"),
    "inside": (lambda mark: hidden(Calls(os.system, f"touch {mark}")), r"asks for posix.system"),
    "beside": (lambda mark: (ZEROS, Calls(os.system, f"touch {mark}")), r"asks for posix.system"),
    "state": (lambda mark: Sets(None), r"asks for the operation"),
    "beyond": (lambda mark: rebuilt(0, (100,), (1,)), r"found a tensor of shape \(100,\) over 6 numbers"),
    "before": (lambda mark: rebuilt(-3, (2,), (1,)), r"over 6 numbers"),
    "backwards": (lambda mark: rebuilt(5, (6,), (-1,)), r"over 6 numbers"),
    "endless": (lambda mark: rebuilt(0, (1 << 40,), (0,)), r"over 6 numbers"),
    "negative": (lambda mark: rebuilt(0, (-1,), (1,)), r"over 6 numbers"),
    "uneven": (lambda mark: rebuilt(0, (2, 2), (1,)), r"over 6 numbers"),
    "a list": (lambda mark: [1, 2], r"asks for the operation"),
    "a number": (lambda mark: 7, r"found int, expected a tensor"),
    "hooks": (lambda mark: OrderedDict(), r"found OrderedDict, expected a tensor"),
    "a tensor where a storage belongs": (lambda mark: hidden(ZEROS), r"found Tensor where a tensor's numbers belong"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_pickle_is_refused_and_not_executed(name, tmp_path):
    make, sentence = HOSTILE[name]
    mark = tmp_path / "executed"
    with pytest.raises(ValueError, match=sentence):
        tensor_of(pickle.dumps(make(mark)))
    assert not mark.exists()


@pytest.mark.parametrize("zipped", [True, False])
def test_a_hostile_torch_save_is_refused_and_not_executed(zipped, tmp_path):
    mark = tmp_path / "executed"
    content = saved(Calls(os.system, f"touch {mark}"), _use_new_zipfile_serialization=zipped)
    with pytest.raises(ValueError, match="asks for posix.system"):
        tensor_of(content)
    assert not mark.exists()


def test_a_memo_that_takes_all_memory_is_refused():
    with pytest.raises(ValueError, match="memo of 4294967295"):
        tensor_of(b"\x80\x03K\x01r\xff\xff\xff\xff.")


@given(st.binary(max_size=60))
def test_noise_is_no_tensor(content):
    for start in (b"", b"PK", b"\x80\x04"):
        with pytest.raises(ValueError, match="found|expected|."):
            tensor_of(start + content)


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
@given(st.integers(0, 1 << 16), st.integers(0, 255))
def test_a_damaged_pickle_is_an_error_or_a_tensor(place, byte):
    content = bytearray(pickle.dumps(torch.arange(40.0)))
    content[place % len(content)] = byte
    with suppress(ValueError):
        assert isinstance(tensor_of(bytes(content)), torch.Tensor)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    root = tmp_path_factory.mktemp("whole")
    mini.s4(root, {"train": 2, "val": 1, "test": 1})
    return root


@pytest.fixture
def s4(whole, tmp_path):
    """(place, training rows) of a copy that may be broken."""
    shutil.copytree(whole, tmp_path / "copy")
    place = avsbench.place("s4", tmp_path / "copy")
    return place, avsbench.index(place)["train"]


def test_a_whole_split_has_no_findings(s4):
    place, rows = s4
    ticks = []
    report = avsbench.check(place, rows, lambda: ticks.append(1))
    assert report.complete and len(ticks) == report.clips == 2
    assert report.expected == {"frames": 10, "masks": 2, "log-mels": 2}
    assert report.expected == {kind: report.found(kind) for kind in avsbench.KINDS}


def truncate(path):
    path.write_bytes(path.read_bytes()[:-200])


def narrow(path):
    Image.open(path).resize((100, 224)).save(path)


BREAKS = {
    "a frame is gone": ("frames", True, lambda p, r: p.image(r, 2).unlink(), "_3.png is missing, expected a frame"),
    "a mask is gone": ("masks", True, lambda p, r: p.mask(r, 0).unlink(), "_1.png is missing, expected a mask"),
    "a log-mel is gone": ("log-mels", True, lambda p, r: p.logmel(r).unlink(), "pkl is missing"),
    "a cut frame": ("frames", False, lambda p, r: truncate(p.image(r, 4)), "_5.png: found no whole image"),
    "a cut mask": ("masks", False, lambda p, r: truncate(p.mask(r, 0)), "_1.png: found no whole image"),
    "text": ("frames", False, lambda p, r: p.image(r, 0).write_text("hello"), "_1.png: found no whole image"),
    "empty": ("frames", False, lambda p, r: p.image(r, 0).write_bytes(b""), "_1.png: found no whole image"),
    "a narrow mask": ("masks", False, lambda p, r: narrow(p.mask(r, 0)), "found a mask of 100x224, expected its"),
    "a mask in mode F": (
        "masks",
        False,
        lambda p, r: Image.fromarray(np.zeros((224, 224), np.uint16)).save(p.mask(r, 0)),
        "_1.png: found an image of mode I;16",
    ),
    "three seconds": (
        "log-mels",
        False,
        lambda p, r: p.logmel(r).write_bytes(pickle.dumps(ZEROS[:3])),
        r"found log-mels of float32 \[3, 1, 96, 64\], expected float32 \[5, 1, 96, 64\]",
    ),
    "doubles": ("log-mels", False, lambda p, r: p.logmel(r).write_bytes(pickle.dumps(ZEROS.double())), "float64"),
    "nan": ("log-mels", False, lambda p, r: p.logmel(r).write_bytes(pickle.dumps(ZEROS / 0)), "inf or nan"),
    "hostile": (
        "log-mels",
        False,
        lambda p, r: p.logmel(r).write_bytes(pickle.dumps(Calls(os.system, "true"))),
        "pkl: found a pickle that asks for posix.system",
    ),
}


@pytest.mark.parametrize("name", BREAKS)
def test_what_is_missing_or_broken_is_counted_and_named(name, s4):
    kind, missing, damage, sentence = BREAKS[name]
    place, rows = s4
    before = avsbench.fingerprint(place, rows)
    damage(place, rows[1])
    report = avsbench.check(place, rows)
    (finding,) = report.findings
    assert (finding.kind, finding.missing) == (kind, missing)
    with pytest.raises(ValueError, match=sentence):
        raise ValueError(finding.sentence)
    assert report.found(kind) == report.expected[kind] - 1 and report.count(kind, missing) == 1
    assert report.buildable == (kind == "log-mels" and missing)
    assert avsbench.fingerprint(place, rows) != before
