"""The command line: words -> settings -> the mode's function; what a user got wrong -> one sentence, exit code 2."""

from __future__ import annotations

import shlex
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from experiments.cli import checks
from experiments.cli.build import build, parser
from experiments.cli.files import Layer, layers
from experiments.cli.folders import folders, named
from experiments.cli.words import options, single, split, unsplit
from experiments.errors import UserError, unknown
from experiments.settings import NOT_BUILT, SETTINGS

HELP = f"""usage: python main.py --mode MODE [--config FILE.yaml] [--key value ...]

modes:
  ann      train a real-valued network
  snn      train a spiking network
  convert  ANN run -> spiking run, checked event by event (--from RUN)
  energy   count the events of runs, price them, compare (--runs ANN SNN ...)
  rates    spikes of each layer of a run (--run RUN)
  data     whether a dataset in a folder is whole, by name and count (--root FOLDER)
  demo     the whole story on synthetic clips, with a report
  doctor   what this machine has, and what works on it
  (not built yet: {", ".join(NOT_BUILT)})

A config file holds the same keys as the command line, nested; the command line overrides it.
Keys of a mode: python main.py --mode MODE --help. Traceback of an error: --debug.
"""


def _mode(given: dict[str, list[str]], files: list[Layer]) -> str:
    """The command line's, else the topmost config's that has one."""
    named = [(f"{layer.name}: mode", str(layer.values["mode"])) for layer in files if "mode" in layer.values]
    if "mode" in given:
        named.append(("--mode", single("mode", given["mode"], f"one of {', '.join(SETTINGS)}")))
    if not named:
        raise UserError(f"--mode is missing, expected one of {', '.join(SETTINGS)}; nearest: '--mode demo'")
    key, mode = named[-1]
    if mode in NOT_BUILT:
        raise UserError(f"{key} is '{mode}', which is not built yet, expected one of {', '.join(SETTINGS)}")
    if mode not in SETTINGS:
        raise unknown(key, mode, SETTINGS)
    return mode


def _read(words: Sequence[str]) -> tuple[dict[str, list[str]], str, list[Layer]]:
    given = split(words)
    config = single("config", given["config"], "a YAML file") if "config" in given else ""
    return given, config, layers(config) if config else []


def parse(argv: Sequence[str]) -> Any:
    """Settings of one of the classes in ``SETTINGS``, checked; nothing has been written."""
    given, config, files = _read(argv)
    mode = _mode(given, files)
    settings = build(SETTINGS[mode], mode, files, options(given, mode))
    checks.values(settings)
    settings = named(checks.complete(settings), config)
    folders(settings)
    return settings


def _help(words: Sequence[str]) -> str:
    given, _, files = _read(words)
    if "mode" not in given and not files:
        return HELP
    mode = _mode(given, files)
    return str(parser(SETTINGS[mode], mode).format_help())


def _how_to_resume(words: Sequence[str], settings: Any) -> str:
    given = {key: values for key, values in split(words).items() if key not in ("overwrite", "resume")}
    saved = hasattr(settings, "resume") and (Path(settings.run) / "config.yaml").is_file()
    again = unsplit({**given, "resume": []}) if saved else words
    return f"interrupted; {'continue' if saved else 'start again'} with: python main.py {shlex.join(again)}"


def main(argv: Sequence[str] | None = None, more: Mapping[str, Callable[[Any], None]] | None = None) -> int:
    """``more``: mode -> function, of the modes that another room brings."""
    words = list(sys.argv[1:] if argv is None else argv)
    settings = None
    try:
        if {"-h", "--help"} & set(words):
            print(_help([word for word in words if word not in ("-h", "--help")]))
            return 0
        settings = parse(words)
        # A wrong word should not wait for the whole toolkit to load.
        from experiments.modes import run

        run(settings, more or {})
    except UserError as error:
        if "--debug" in words:
            traceback.print_exc()
        print(" ".join(str(error).split()), file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(_how_to_resume(words, settings), file=sys.stderr)
        return 130
    return 0
