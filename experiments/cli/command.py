"""The command line: words -> settings -> the mode's function; what a user got wrong -> one sentence, exit code 2."""

from __future__ import annotations

import os
import shlex
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from experiments.cli import checks
from experiments.cli.build import build, parser
from experiments.cli.files import Layer, layers
from experiments.cli.folders import folders, named
from experiments.cli.keys import DATA, Keys, dataset_of, keys_of
from experiments.cli.words import options, single, split, unsplit
from experiments.datasets import DATASETS
from experiments.errors import INTERRUPTED, PIPE_CLOSED, Stopped, UserError, unknown
from experiments.modes import MODES, Mode, run

HELP = """usage: python main.py --mode MODE [--config FILE.yaml] [--key value ...]

modes:
{modes}

A config file holds the same keys as the command line, nested; the command line overrides it.
Keys of a mode: python main.py --mode MODE [--data.dataset NAME] --help. Traceback of an error: --debug.
"""


def _mode(given: dict[str, list[str]], files: list[Layer]) -> Mode:
    """The command line's, else the topmost config's that has one."""
    stated = [(f"{layer.name}: mode", str(layer.values["mode"])) for layer in files if "mode" in layer.values]
    if "mode" in given:
        stated.append(("--mode", single("mode", given["mode"], f"one of {', '.join(MODES)}")))
    if not stated:
        raise UserError(f"--mode is missing, expected one of {', '.join(MODES)}; nearest: '--mode demo'")
    key, name = stated[-1]
    if name not in MODES:
        raise unknown(key, name, MODES)
    return MODES[name]


def _keys(mode: Mode, given: dict[str, list[str]], files: list[Layer]) -> Keys:
    """With the command line's dataset, else the topmost config's that has one."""
    stated: list[Any] = [data.get("dataset") for layer in files if isinstance(data := layer.values.get(DATA), dict)]
    if f"{DATA}.dataset" in given:
        stated.append(single(f"{DATA}.dataset", given[f"{DATA}.dataset"], f"one of {', '.join(DATASETS)}"))
    return keys_of(mode, dataset_of(mode, stated))


def _read(words: Sequence[str]) -> tuple[dict[str, list[str]], str, list[Layer]]:
    given = split(words)
    config = single("config", given["config"], "a YAML file") if "config" in given else ""
    return given, config, layers(config) if config else []


def stated(argv: Sequence[str]) -> Any:
    """The settings of a mode as far as they hold anywhere: neither this machine nor its folders are looked at."""
    given, _, files = _read(argv)
    keys = _keys(_mode(given, files), given, files)
    settings = build(keys, files, options(given, keys))
    checks.values(settings)
    return checks.complete(settings)


def parse(argv: Sequence[str]) -> Any:
    """The settings of a mode, checked; nothing has been written."""
    settings = stated(argv)
    checks.machine(settings)
    settings = named(settings, _read(argv)[1])
    folders(settings)
    return settings


def _help(words: Sequence[str]) -> str:
    given, _, files = _read(words)
    if "mode" not in given and not files:
        width = max(map(len, MODES))
        modes = "\n".join(f"  {mode.name:<{width}}  {mode.summary}" for mode in MODES.values())
        return HELP.format(modes=modes)
    return str(parser(_keys(_mode(given, files), given, files)).format_help())


def _how_to_resume(words: Sequence[str], settings: Any, why: str = "interrupted") -> str:
    given = {key: values for key, values in split(words).items() if key not in ("overwrite", "resume")}
    # A run, or what a mode made of several.
    places = {"run": "config.yaml", "out": "sweep.json"}
    files = [Path(getattr(settings, key)) / name for key, name in places.items() if hasattr(settings, key)]
    saved = hasattr(settings, "resume") and any(file.is_file() for file in files)
    again = unsplit({**given, "resume": []}) if saved else words
    return f"{why}; {'continue' if saved else 'start again'} with: python main.py {shlex.join(again)}"


def main(argv: Sequence[str] | None = None, extra: Sequence[Mode] = ()) -> int:
    """``extra``: modes that the caller brings. -> exit code."""
    with MODES.including(*extra):
        return _main(list(sys.argv[1:] if argv is None else argv))


def _main(words: list[str]) -> int:
    settings = None
    try:
        if {"-h", "--help"} & set(words):
            print(_help([word for word in words if word not in ("-h", "--help")]))
            return 0
        settings = parse(words)
        run(settings)
    except UserError as error:
        if "--debug" in words:
            traceback.print_exc()
        print(" ".join(str(error).split()), file=sys.stderr)
        return 2
    except Stopped as stop:
        return _stopped(stop, words, settings)
    except BrokenPipeError:  # whoever read the output, such as ``head``, has enough; Python would say so at its end
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return PIPE_CLOSED
    except KeyboardInterrupt:
        print(_how_to_resume(words, settings), file=sys.stderr)
        return INTERRUPTED
    return 0


def _stopped(stop: Stopped, words: list[str], settings: Any) -> int:
    """Saved on purpose. Of several processes one speaks, and the others end well: a launcher would take anything else
    for a crash."""
    from experiments.training import processes  # torch is loaded by now: something was trained

    if not processes.first():
        return 0
    why = "stopped as asked" if stop.code == 0 else "interrupted, and saved"
    print(_how_to_resume(words, settings, why), file=sys.stderr)
    return stop.code
