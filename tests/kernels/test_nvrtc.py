"""The sources as GPU code, without a GPU: nothing spills, registers stay few, memory is touched in 16-byte pieces."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import cache

import pytest
import torch

from kernels import normed, nvrtc
from kernels.deform import Form as DeformForm
from kernels.dynamics import Dynamics
from kernels.kept import CompileError
from kernels.layout import Cut
from kernels.lif_form import Form
from kernels.nvrtc import Compiled, Usage
from kernels.source import Build

REASON = nvrtc.missing()
needs_nvrtc = pytest.mark.skipif(REASON is not None, reason=str(REASON))
ARCHS = ("sm_80", "sm_90")
N = 1 << 20
PLAIN, FIRST, LAST, ODD = Cut(0, 1, N, 1), Cut(1, 64, N // 64, 64), Cut(2, N // 64, 64, 64), Cut(0, 1, N + 1, 1)

# A form of lif.cu, its neuron, and registers at most (forward, backward): what was measured, rounded up to 8, the unit
# in which they are given out. 128-thread blocks share 65536 of them: 40 each leave room for 12 blocks, 56 for 9, 72 for
# 7, 96 for 5, 128 for 4, 168 for 3. A thread has T (backward 2 T) loads of 16 bytes in flight: 4 blocks of T = 4 keep
# 64 KB on their way backward, more than the latency of the memory asks for.
f32, f16, bf16 = torch.float32, torch.float16, torch.bfloat16
LIF = {
    "fp32-T4": (dict(dtype=f32, steps=4, cut=PLAIN), {}, (32, 40)),
    "fp32-T8": (dict(dtype=f32, steps=8, cut=PLAIN), {}, (32, 72)),
    "fp16-T4": (dict(dtype=f16, steps=4, cut=PLAIN), {}, (40, 56)),
    "fp16-T8": (dict(dtype=f16, steps=8, cut=PLAIN), {}, (40, 96)),
    "bf16-T4": (dict(dtype=bf16, steps=4, cut=PLAIN), {}, (40, 56)),
    "bf16-T8": (dict(dtype=bf16, steps=8, cut=PLAIN), {}, (40, 96)),
    "bf16-T4-odd": (dict(dtype=bf16, steps=4, cut=ODD), {}, (64, 96)),
    "bf16-T8-odd": (dict(dtype=bf16, steps=8, cut=ODD), {}, (104, 176)),
    "bf16-T4-channels-first": (dict(dtype=bf16, steps=4, cut=FIRST), {}, (40, 72)),
    "fp32-T4-channels-last": (dict(dtype=f32, steps=4, cut=LAST), {}, (40, 80)),
    "bf16-T4-channels-last": (dict(dtype=bf16, steps=4, cut=LAST), {}, (64, 128)),
    "bf16-T8-channels-last": (dict(dtype=bf16, steps=8, cut=LAST), {}, (64, 168)),
    "bf16-T4-rate": (dict(dtype=bf16, steps=4, cut=PLAIN, rate=True), {}, (40, 128)),
    "bf16-T4-ilif": (dict(dtype=bf16, steps=4, cut=PLAIN), dict(kind="ilif", levels=4), (48, 48)),
    "bf16-T4-bits": (dict(dtype=bf16, steps=4, cut=PLAIN, spikes="bits"), {}, (32, 56)),
    "fp32-T4-bits": (dict(dtype=f32, steps=4, cut=PLAIN, spikes="bits"), {}, (32, 64)),
    "fp32-T1-counts": (dict(dtype=f32, steps=1, cut=PLAIN, step=True), dict(kind="ilif", levels=4), (32, 32)),
    "fp32-T4-normed": (dict(dtype=f32, steps=4, cut=LAST, step=True, centre=True), {}, (56, 96)),
    "bf16-T4-normed-first": (dict(dtype=bf16, steps=4, cut=FIRST, step=True, centre=True), {}, (56, 96)),
    "bf16-T4-membrane": (dict(dtype=bf16, steps=4, cut=PLAIN, init=True, last=True), dict(reset="hard"), (56, 88)),
}
# Heads of 32 channels and 4 points: real values and single spikes, then counts, signed spikes, sums that have no order;
# and registers at most (forward, backward). A gather hides its latency by many threads: 64 leave room for 8 blocks.
HEAD = DeformForm(dtype=bf16, levels=3, points=4, channels=32)
DEFORM = {
    f"{str(dtype).removeprefix('torch.')}-L{levels}-{'spikes' if planes else 'real'}": (
        replace(HEAD, dtype=dtype, levels=levels, planes=planes),
        (64, 88 if planes else 64),
    )
    for dtype in (f32, bf16)
    for levels in (3, 4)
    for planes in (0, 1)
} | {
    "bfloat16-L3-counts": (replace(HEAD, planes=3), (80, 160)),
    "float32-L4-signed": (replace(HEAD, dtype=f32, levels=4, planes=1, signed=True), (64, 80)),
    "bfloat16-L3-fixed": (replace(HEAD, fixed=True), (64, 64)),
}
LOAD16 = re.compile(r"ld\.global(?:\.nc)?\.v4\.\w32")
STORE16 = re.compile(r"st\.global(?:\.wb)?\.v4\.\w32")


def lif_build(case: str) -> Build:
    form, neuron, _ = LIF[case]
    return Form(device="cuda", **form).build(Dynamics(**neuron))


@cache
def made(what: Build, arch: str) -> Compiled:
    return nvrtc.compiled(what, arch)


def is_lean(usage: Usage, ceiling: int) -> None:
    assert (usage.spill_stores, usage.spill_loads, usage.stack) == (0, 0, 0)
    assert usage.registers <= ceiling


@needs_nvrtc
@pytest.mark.parametrize("arch", ARCHS)
@pytest.mark.parametrize("case", LIF)
def test_lif_is_lean(case, arch):
    code, (form, _, ceilings) = made(lif_build(case), arch), LIF[case]
    assert code.cubin.startswith(b"\x7fELF")
    for kernel, ceiling in zip(("lif_forward", "lif_backward"), ceilings, strict=True):
        is_lean(code.usage[kernel], ceiling)
    assert ".local" not in code.ptx
    assert ".ftz" not in code.ptx, "subnormal numbers have to stay what they are"
    steps, packs = form["steps"], 2 if case == "fp32-T4-bits" else 1
    whole = 0 if form["cut"] is ODD else steps * packs
    forward, backward = code.ptx_of("lif_forward"), code.ptx_of("lif_backward")
    assert len(LOAD16.findall(forward)) == whole
    assert len(LOAD16.findall(backward)) == 2 * whole
    assert len(STORE16.findall(forward)) == (0 if form.get("spikes") == "bits" else whole)
    assert len(STORE16.findall(backward)) == whole


@needs_nvrtc
@pytest.mark.parametrize("arch", ARCHS)
def test_a_plain_build_touches_memory_in_whole_packs_only(arch):
    code = made(lif_build("bf16-T4"), arch)
    for kernel, loads in (("lif_forward", 4), ("lif_backward", 8)):
        text = code.ptx_of(kernel)
        assert text.count("ld.global") == loads
        assert text.count("st.global") == 4


@needs_nvrtc
@pytest.mark.parametrize("arch", ARCHS)
@pytest.mark.parametrize("case", DEFORM)
def test_deform_is_lean(case, arch):
    form, ceilings = DEFORM[case]
    code = made(form.threads(), arch)
    assert ".local" not in code.ptx and ".ftz" not in code.ptx
    for kernel, ceiling in zip(("deform_forward", "deform_backward"), ceilings, strict=True):
        is_lean(code.usage[kernel], ceiling)
    forward, backward = code.ptx_of("deform_forward"), code.ptx_of("deform_backward")
    corners = 0 if form.planes else 4  # a real value is loaded in whole packs, a word of bits at once
    whole = int(form.channels_per_thread * form.dtype.itemsize == 16)
    assert len(LOAD16.findall(forward)) == corners
    assert len(LOAD16.findall(backward)) == corners + whole
    assert len(STORE16.findall(forward)) == whole
    adds = 4 * form.channels_per_thread
    if form.fixed:
        assert len(re.findall(r"\.global\.add\.u64", backward)) == adds
    elif arch == "sm_90":
        assert len(re.findall(r"\.global\.add\.v4\.f32", backward)) == adds // 4
    else:
        assert len(re.findall(r"\.global\.add\.f32", backward)) == adds


@needs_nvrtc
@pytest.mark.parametrize("arch", ARCHS)
@pytest.mark.parametrize("cut", [FIRST, LAST], ids=["channels-first", "channels-last"])
@pytest.mark.parametrize("dtype", [f32, bf16], ids=str)
def test_batch_norm_is_lean(dtype, cut, arch):
    code = made(normed.build("cuda", dtype, cut.affine, cut.span, sums=True), arch)
    assert ".local" not in code.ptx and ".ftz" not in code.ptx
    for kernel, ceiling in zip(normed.KERNELS, (80, 40, 40, 64), strict=True):
        is_lean(code.usage[kernel], ceiling)


@needs_nvrtc
def test_a_spill_and_slow_memory_are_noticed():
    """A kernel that cannot do without: an array with a run-time index."""
    text = 'extern "C" __global__ void slow(int *p, int n) { int a[64]; for (int i = 0; i < 64; i++) a[i] = p[i * n];\n'
    text += "for (int i = 0; i < n; i++) a[p[i] & 63] += a[i & 63]; for (int i = 0; i < 64; i++) p[i] = a[i]; }"
    what = Build("slow.cu", ("slow",))
    vars(what)["text"] = text  # a cached property: no such file is there
    code = nvrtc.compiled(what, "sm_90")
    assert code.usage["slow"].stack >= 256
    assert ".local" in code.ptx_of("slow")
    with pytest.raises(AssertionError):
        is_lean(code.usage["slow"], 255)


def test_the_report_is_read():
    log = """ptxas info    : 0 bytes gmem
ptxas info    : Compiling entry function 'b' for 'sm_90'
ptxas info    : Function properties for b
    8 bytes stack frame, 4 bytes spill stores, 12 bytes spill loads
ptxas info    : Used 90 registers, used 1 barriers, 8 bytes cumulative stack size, 1024 bytes smem
ptxas info    : Compiling entry function 'a' for 'sm_90'
ptxas info    : Function properties for a
    0 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads
ptxas info    : Used 32 registers, used 0 barriers
"""
    assert nvrtc.usage_of(log) == {
        "b": Usage(registers=90, stack=8, spill_stores=4, spill_loads=12, shared=1024),
        "a": Usage(registers=32, stack=0, spill_stores=0, spill_loads=0, shared=0),
    }
    with pytest.raises(CompileError, match="the report of ptxas on 'a' was not understood"):
        nvrtc.usage_of("Compiling entry function 'a' for 'sm_90'\nsomething new")


@needs_nvrtc
def test_a_source_that_is_wrong_says_where():
    with pytest.raises(CompileError, match=r"(?s)NVRTC could not compile lif.cu for sm_90.*\(\d+\): error"):
        nvrtc.compiled(Build("lif.cu", ("lif_forward",)), "sm_90")  # no constants


@needs_nvrtc
def test_an_architecture_too_old_is_said():
    with pytest.raises(CompileError, match="the architecture is 'sm_60', but NVRTC 13.* compiles for sm_75 to sm_"):
        nvrtc.compiled(lif_build("fp32-T4"), "sm_60")


@needs_nvrtc
def test_a_cubin_is_kept(tmp_path, monkeypatch):
    monkeypatch.setenv("SPIKEAVS_CACHE", str(tmp_path))
    what = lif_build("fp32-T4")
    path = nvrtc.kept(what, "sm_90")
    assert path.parent == tmp_path / "kernels" and path.read_bytes().startswith(b"\x7fELF")
    monkeypatch.setattr(nvrtc, "compiled", lambda *_: pytest.fail("it was there"))
    assert nvrtc.kept(what, "sm_90") == path
    assert [p.name for p in path.parent.iterdir()] == [path.name]


def test_missing_headers_and_bindings_are_said(tmp_path, monkeypatch):
    monkeypatch.setattr(nvrtc, "_places", lambda: [tmp_path / "include"])
    with pytest.raises(CompileError, match=r"cuda_bf16.h was looked for in .* install the extra 'cuda', or set CUDA"):
        nvrtc.include_folder()
    nvrtc.version.cache_clear()
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert nvrtc.missing() == "the package cuda-bindings, which calls NVRTC, is not installed; install the extra 'cuda'"


def test_a_toolkit_is_looked_at_too(tmp_path, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    monkeypatch.setenv("CUDA_HOME", str(tmp_path))
    (tmp_path / "include").mkdir()
    (tmp_path / "include" / nvrtc.HEADER).touch()
    assert nvrtc.include_folder() == tmp_path / "include"


def test_an_old_or_broken_nvrtc_is_said(monkeypatch):
    class Bindings:
        def __init__(self, answer):
            self.answer = answer

        def nvrtcVersion(self):
            if isinstance(self.answer, Exception):
                raise self.answer
            return self.answer

    for answer, said in (((0, 12, 8), "NVRTC is 12.8, expected 13.0 or newer"), (RuntimeError("no file"), "no file")):
        nvrtc.version.cache_clear()
        monkeypatch.setattr(nvrtc, "_bindings", lambda answer=answer: Bindings(answer))
        monkeypatch.setattr("importlib.util.find_spec", lambda name: object())
        with pytest.raises(CompileError, match=said):
            nvrtc.version()
    nvrtc.version.cache_clear()
