"""Price files: every lie in one is a sentence that names the file, the line and the column."""

from __future__ import annotations

import pytest

from energy.columns import ARITHMETIC
from energy.costs import unpriced
from energy.hardware import HEADER, profile, profile_of, profiles, read_profiles

HEAD = ",".join(HEADER)
GOOD = "mine,8,ac_w,0.1,7 nm,a data sheet,cited"


def read(*lines: str, head: str = HEAD):
    return read_profiles([head, *lines], "mine.csv")


def test_a_good_file_is_read():
    mine = read(GOOD, "mine,8,imac_per_bit,0,7 nm,a data sheet,assumed")["mine"]
    assert (mine.word_bits, mine.word_B, mine.whole, mine.price("ac_w")) == (8, 1.0, False, 0.1)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("mine,8,ac_w,-0.9,7 nm,x,cited", "pJ is -0.9, expected a finite number above 0"),
        ("mine,8,ac_w,0,7 nm,x,cited", "pJ is 0, expected"),
        ("mine,8,ac_w,nan,7 nm,x,cited", "pJ is nan, expected"),
        ("mine,8,ac_w,inf,7 nm,x,cited", "pJ is inf, expected"),
        ("mine,8,ac_w,cheap,7 nm,x,cited", "pJ is 'cheap', expected a number"),
        ("mine,8,ac_v,0.1,7 nm,x,cited", "column is 'ac_v', expected one of"),
        ("mine,8,ac_w,0.1,7 nm,,cited", "citation is empty"),
        ("mine,8,ac_w,0.1,,x,cited", "technology is empty"),
        (
            "mine,8,ac_w,0.1,7 nm,x,sited",
            "status is 'sited', expected one of cited, derived, assumed",
        ),
        ("mine,0,ac_w,0.1,7 nm,x,cited", "word_bits is '0', expected 1 to 64"),
        (",8,ac_w,0.1,7 nm,x,cited", "profile is empty"),
        (GOOD, "mine/ac_w is priced twice"),
        ("mine,16,cmp,0.1,7 nm,x,cited", "word_bits of mine is 16, expected 8"),
    ],
)
def test_a_lie_is_named(line, said):
    with pytest.raises(ValueError) as refusal:
        read(GOOD, line)
    assert said in str(refusal.value) and str(refusal.value).startswith("mine.csv, line 3")


def test_a_header_that_is_not_whole_is_named():
    with pytest.raises(ValueError, match="first difference: 'citation'"):
        read(GOOD, head=HEAD.replace("citation", "source"))
    with pytest.raises(ValueError, match="found no price"):
        read()


def test_a_profile_is_a_name_or_a_file(tmp_path):
    path = tmp_path / "mine.csv"
    lines = [f"mine,8,{column},0.5,7 nm,a data sheet,assumed" for column in (*ARITHMETIC, "imac_per_bit")]
    path.write_text("\n".join([HEAD, *lines]) + "\n")
    assert profile_of(str(path)).price("fmac") == 0.5 and profile_of("int8_45nm") is profile("int8_45nm")
    path.write_text("\n".join([HEAD, *lines[1:]]) + "\n")
    with pytest.raises(ValueError, match="profile 'mine' has no price for ac_w"):
        profile_of(str(path))
    path.write_text("\n".join([HEAD, *(line.replace("mine", "loihi") for line in lines)]) + "\n")
    with pytest.raises(ValueError, match="'loihi' is one of hardware.csv"):
        profile_of(str(path))
    with pytest.raises(ValueError, match="nearest: 'mine.csv'"):
        profile_of(str(tmp_path / "mien.csv"))


def test_ours_are_whole_or_said_to_be_parts(snn):
    assert [p.name for p in profiles().values() if not p.whole] == ["loihi", "seneca"]
    assert unpriced(snn, profile("int8_45nm"), "event_core_8kB") == []
    assert unpriced(snn, profile("neuromc_32nm"), "event_core_8kB") == ["local_8kB"]
    assert unpriced(snn, profile("int8_45nm"), "") == []
