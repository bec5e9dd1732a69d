"""What a launch asks of CuPy, on a machine that only pretends to have GPUs; what is said when something is missing."""

from __future__ import annotations

import ctypes
import sys
import threading

import pytest
import torch

from kernels import cupy_backend, launch, nvrtc
from kernels.dynamics import Dynamics
from kernels.lif import Call, forward
from kernels.lif_form import Form
from kernels.source import Build
from tests.kernels.fake_cuda import STREAMS, Machine, cupy_module, forget, install

WHAT = Build("lif.cu", ("lif_forward", "lif_backward"), (("VEC", 8),))
GRID = (3, 2, 1)


@pytest.fixture
def machine(monkeypatch):
    forget()
    yield install(monkeypatch)
    forget()


def run(machine: Machine, args: tuple[object, ...], device: str = "cuda:0", kernel: str = "lif_forward") -> None:
    machine.arguments = len(args)
    launch.launch(WHAT, kernel, GRID, 128, args, torch.device(device))


def test_a_launch_says_what_where_and_with_what(machine):
    x, half = torch.ones(4), torch.ones(5, dtype=torch.bfloat16)[1:]
    run(machine, (x, None, half, 2**40, -3, 0.5, 1e-40))
    (found,) = machine.launches
    assert machine.functions[found.function] == "lif_forward"
    assert (found.grid, found.block, found.shared) == (GRID, (128, 1, 1), 0)
    assert (found.device, found.stream) == (0, STREAMS[0])
    pointers, numbers = found.values("pppqqff")[:3], found.values("pppqqff")[3:]
    assert pointers == [x.data_ptr(), 0, half.data_ptr()]
    assert numbers == [2**40, -3, 0.5, ctypes.c_float(1e-40).value]


def test_lif_s_own_arguments_fit_its_kernel(machine, monkeypatch):
    """The host's order is that of the .cu file: counted in its signature, and read back by kind."""
    made = []
    monkeypatch.setattr("kernels.lif.launch", lambda *given: made.append(given))
    forward(Call(x=torch.zeros(4, 10), dynamics=Dynamics()), "same", False)
    _, kernel, grid, _, args, _ = made[0]
    signature = WHAT.text.split(f"\n{kernel}(")[1].split(")")[0].split(",")
    kinds = "".join("p" if "*" in part else "q" if "i64" in part else "f" for part in signature)
    machine.arguments = len(args)
    launch.launch(WHAT, kernel, grid, 128, args, torch.device("cuda:0"))
    values = machine.launches[0].values(kinds)
    assert values[0] == args[0].data_ptr()
    assert values[kinds.index("q")] == 10
    assert values[kinds.index("f")] == 0.5  # 1/tau


def test_each_device_gets_its_own_module_and_no_other_is_touched(machine):
    run(machine, (1,), "cuda:1")
    assert machine.loaded == [("lif.cu-sm_91.cubin", 1)]
    assert machine.entered == [1]
    assert (machine.launches[0].device, machine.launches[0].stream) == (1, STREAMS[1])
    assert machine.current == 0, "the device of before is current again"
    run(machine, (1,), "cuda:0")
    assert machine.loaded[1:] == [("lif.cu-sm_90.cubin", 0)]
    assert machine.launches[0].function != machine.launches[1].function


def test_a_device_without_a_number_is_the_current_one(machine):
    machine.current = 1
    run(machine, (1,), "cuda")
    assert (machine.launches[0].device, machine.launches[0].stream) == (1, STREAMS[1])


def test_modules_and_functions_are_loaded_once(machine):
    for _ in range(3):
        run(machine, (1,))
    run(machine, (1,), kernel="lif_backward")
    assert len(machine.loaded) == 1
    assert sorted(machine.functions.values()) == ["lif_backward", "lif_forward"]
    assert machine.entered == [0]


def test_an_equal_build_is_the_same_module(machine):
    run(machine, (1,))
    machine.arguments = 1
    again = Build(WHAT.file, WHAT.kernels, WHAT.constants)
    launch.launch(again, "lif_forward", GRID, 128, (1,), torch.device("cuda:0"))
    assert len(machine.loaded) == 1


def test_another_thread_has_its_own_arguments_and_context(machine):
    run(machine, (1, 2))
    before = cupy_backend.frame(2)
    seen = []
    thread = threading.Thread(target=lambda: (run(machine, (3, 4)), seen.append(cupy_backend.frame(2))))
    thread.start()
    thread.join()
    assert seen[0] is not before and cupy_backend.frame(2) is before
    assert machine.entered == [0, 0]
    assert [found.values("qq") for found in machine.launches] == [[1, 2], [3, 4]]


def test_an_empty_grid_is_no_launch(machine):
    launch.launch(WHAT, "lif_forward", (0, 1, 1), 128, (1,), torch.device("cuda:0"))
    assert not machine.launches and not machine.loaded


def test_a_prepared_launch_is_the_launch(machine):
    """Of pointers alone; on its own device, whichever is current, and loaded at the first call only."""
    x, index = torch.ones(4), torch.device("cuda:1")
    ready = launch.prepared(WHAT, "lif_forward", GRID, 128, (2**40, 0.5), index)
    assert not machine.loaded
    machine.arguments = 4
    for _ in range(2):
        ready(x.data_ptr(), 0)
    run(machine, (x, None, 2**40, 0.5), "cuda:1")
    assert machine.launches[0] == machine.launches[1] == machine.launches[2]
    assert machine.launches[0].device == 1 and machine.current == 0 and len(machine.loaded) == 1


def test_a_prepared_empty_grid_is_no_launch(machine):
    launch.prepared(WHAT, "lif_forward", (0, 1, 1), 128, (1,), torch.device("cuda:0"))(0)
    assert not machine.launches and not machine.loaded


def test_nothing_is_loaded_while_a_graph_is_captured(machine):
    machine.capturing = True
    with pytest.raises(RuntimeError, match="lif.cu is not loaded yet .* run the step once before"):
        run(machine, (1,))
    machine.capturing = False
    run(machine, (1,))
    machine.capturing = True
    run(machine, (2,))
    assert [found.values("q") for found in machine.launches] == [[1], [2]]


def test_what_is_missing_is_said(machine, monkeypatch):
    monkeypatch.setattr(nvrtc, "missing", lambda: None)
    assert cupy_backend.missing() is None
    monkeypatch.setitem(sys.modules, "cupy", cupy_module(machine, "13.6.0"))
    assert cupy_backend.missing() == "CuPy is 13.6.0, expected 14 or newer; install the extra 'cuda'"
    monkeypatch.setattr(nvrtc, "missing", lambda: "no headers")
    monkeypatch.setitem(sys.modules, "cupy", cupy_module(machine))
    assert cupy_backend.missing() == "no headers"


def test_an_old_gpu_is_said(machine, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(nvrtc, "missing", lambda: None)
    monkeypatch.setattr(nvrtc, "architectures", lambda: ("sm_75", "sm_80"))
    assert cupy_backend.missing() == "the GPU is sm_90, NVRTC compiles for sm_75 to sm_80"


def test_no_cupy_is_said(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert cupy_backend.missing() == "CuPy is not installed; install the extra 'cuda'"


def test_two_threads_never_share_a_byte_of_bits():
    for dtype in (torch.float32, torch.bfloat16):
        width = dict(
            Form(
                device="cuda",
                dtype=dtype,
                steps=1,
                cut=Call(x=torch.zeros(1, 8), dynamics=Dynamics()).cut,
                spikes="bits",
            )
            .build(Dynamics())
            .constants
        )["VEC"]
        assert width % 8 == 0
