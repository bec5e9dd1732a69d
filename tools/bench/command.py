"""The words of ``python -m tools.bench``, its table and its file."""

from __future__ import annotations

import argparse
import os
import platform
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from shlex import join
from typing import NoReturn

import torch
from rich.console import Console

from experiments.errors import UserError, unknown
from kernels import cpu_backend
from tools.bench import deform, full, lif, lif_affine, model
from tools.bench.contest import Options
from tools.bench.rows import FAILED, Row, table, write
from tools.results import FOLDER, provenance
from tools.sentence import in_a_sentence

DTYPES = {str(t).removeprefix("torch."): t for t in (torch.float32, torch.bfloat16, torch.float16)}
DEVICES = ("cpu", "cuda")
PEERS = ("spikingjelly", "snntorch", "norse", "cupy-cuda13x")
WIDTH = 180  # of a table that goes to a file
Say = Callable[[str], object]


def _by_contests(*modules: object) -> Callable[[Options, Say], Iterator[Row]]:
    def run(options: Options, say: Say) -> Iterator[Row]:
        for module in modules:
            for contest in module.contests(options):  # type: ignore[attr-defined]
                say(f"{contest.case}, {contest.peer}")
                yield from contest.rows(options)

    return run


@dataclass(frozen=True, kw_only=True)
class Op:
    """``defaults``: by device. ``takes``: options besides those of every op."""

    run: Callable[[Options, Say], Iterator[Row]]
    defaults: dict[str, Options]
    takes: tuple[str, ...] = ()


_CPU = Options(threads=(min(2, os.cpu_count() or 1),))
_GPU = Options(device="cuda", dtypes=(torch.bfloat16, torch.float32))
OPS = {
    "lif": Op(
        run=_by_contests(lif, lif_affine),
        defaults={
            "cpu": replace(_CPU, steps=(4, 8), neurons=(100_000, 1_000_000)),
            "cuda": replace(_GPU, steps=(4, 8), neurons=(1_000_000, 2**24)),
        },
        takes=("dtype", "steps", "neurons"),
    ),
    "deform": Op(run=_by_contests(deform), defaults={"cpu": _CPU, "cuda": _GPU}, takes=("dtype",)),
    "full": Op(
        run=full.rows,
        defaults={"cpu": replace(_CPU, repeats=3), "cuda": replace(_GPU, dtypes=(torch.float32, torch.bfloat16))},
        takes=("dtype",),
    ),
    "model": Op(
        run=model.rows,
        defaults={"cpu": replace(_CPU, threads=(1, 2)), "cuda": replace(_GPU, dtypes=(torch.float32,))},
    ),
}


class Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UserError(f"{message}; --help lists the options")


def _count(text: str) -> int:
    try:
        number = int(float(text))
    except ValueError:
        number = 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"found '{text}', expected a whole number of at least 1")
    return number


def parser() -> Parser:
    reader = Parser(prog="python -m tools.bench", description=__doc__, allow_abbrev=False)
    reader.add_argument("op", metavar="|".join(OPS))
    reader.add_argument("--device", default="cpu", help="cpu or cuda")
    reader.add_argument("--out", type=Path, help="the CSV file; default: experiments/results/bench_OP_DEVICE.csv")
    reader.add_argument("--repeats", type=_count, help="of every sample; default 7")
    reader.add_argument("--threads", type=_count, nargs="+", help="of the CPU; several for model only")
    reader.add_argument("--only", help="rows that have this in their case, dtype or peer")
    reader.add_argument("--without", help="leave out rows that have this there")
    reader.add_argument("--dtype", nargs="+", help=", ".join(DTYPES))
    reader.add_argument("--steps", type=_count, nargs="+", help="T")
    reader.add_argument("--neurons", type=_count, nargs="+", help="of one step; 1e6 is understood")
    return reader


def options_of(words: Sequence[str]) -> tuple[str, Options, Path]:
    asked, rest = parser().parse_known_args(words)
    if rest:
        raise unknown("an option", rest[0], [f"--{name}" for name in vars(asked) if name != "op"])
    if asked.op not in OPS:
        raise unknown("the first word", asked.op, OPS)
    if asked.device not in DEVICES:
        raise unknown("--device", asked.device, DEVICES)
    if asked.device == "cuda" and not torch.cuda.is_available():
        raise UserError("--device is 'cuda' but torch sees no CUDA device, expected one; nearest: 'cpu'")
    op = OPS[asked.op]
    for name in ("dtype", "steps", "neurons"):
        if getattr(asked, name) and name not in op.takes:
            users = ", ".join(n for n, other in OPS.items() if name in other.takes)
            raise UserError(f"--{name} was given to '{asked.op}', expected it for {users} only")
    for word in asked.dtype or ():
        if word not in DTYPES:
            raise unknown("--dtype", word, DTYPES)
    if asked.threads and len(asked.threads) > 1 and asked.op != "model":
        raise UserError(f"--threads has {len(asked.threads)} values, expected one for '{asked.op}'")
    given = {
        "repeats": asked.repeats,
        "threads": tuple(asked.threads or ()),
        "only": asked.only,
        "without": asked.without,
        "dtypes": tuple(DTYPES[word] for word in asked.dtype or ()),
        "steps": tuple(asked.steps or ()),
        "neurons": tuple(asked.neurons or ()),
    }
    options = replace(op.defaults[asked.device], **{k: v for k, v in given.items() if v})
    return asked.op, options, asked.out or FOLDER / f"bench_{asked.op}_{asked.device}.csv"


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def stamp(options: Options, words: Sequence[str]) -> dict[str, object]:
    origin = provenance("python -m tools.bench " + join(words))
    versions = origin.pop("versions") | {p: _version(p) for p in PEERS}
    if options.device == "cpu":
        path = cpu_backend.compiler()
        capability = torch.backends.cpu.get_cpu_capability()
        origin["device"] = f"CPU, {platform.machine()}, {capability}, {os.cpu_count()} cores"
        versions["compiler"] = cpu_backend.compiler_version(path) if path else None
    threads = ", ".join(map(str, options.threads))
    return {
        **origin,
        "versions": ", ".join(f"{name} {v}" for name, v in versions.items() if v),
        "threads": threads,
        "repeats": f"{options.repeats}, median; ours and peer in turns",
    }


def _kept_rows(name: str, options: Options, path: Path, origin: dict[str, object], console: Console) -> list[Row]:
    """The rows, each in the file as soon as it is there: a benchmark that is ended early has lost nothing."""
    before, cudnn, rows = torch.get_num_threads(), torch.backends.cudnn.allow_tf32, list[Row]()
    torch.set_num_threads(options.threads[0])
    torch.backends.cudnn.allow_tf32 = False  # float32 is meant where it is said
    try:
        with console.status(name) as status:
            for row in OPS[name].run(options, lambda what: status.update(f"{name}: {what}")):
                rows.append(row)
                write(path, rows, origin)
    finally:
        torch.set_num_threads(before)
        torch.backends.cudnn.allow_tf32 = cudnn
    return rows


@in_a_sentence
def main(argv: Sequence[str] | None = None) -> int:
    words = list(sys.argv[1:] if argv is None else argv)
    console = Console()
    if not console.is_terminal:
        console = Console(width=WIDTH)
    name, options, path = options_of(words)
    origin = stamp(options, words)
    rows = _kept_rows(name, options, path, origin, console)
    if not rows:
        raise UserError(f"--only is '{options.only}', which is in no row of '{name}', expected a part of one")
    console.print(table(rows, f"{name}, {origin['device']}, threads: {origin['threads']}, median (fastest - slowest)"))
    console.print(f"written: {path}")
    return 1 if any(row.status == FAILED for row in rows) else 0
