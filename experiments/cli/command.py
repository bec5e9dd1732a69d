"""The command line: words -> settings -> the mode's function; what a user got wrong -> one sentence, exit code 2."""

from __future__ import annotations

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
from experiments.cli.words import options, single, split, unsplit
from experiments.errors import UserError, unknown
from experiments.modes import MODES, Mode, not_built, run

HELP = """usage: python main.py --mode MODE [--config FILE.yaml] [--key value ...]

modes:
{modes}
  (not built yet: {not_built})

A config file holds the same keys as the command line, nested; the command line overrides it.
Keys of a mode: python main.py --mode MODE --help. Traceback of an error: --debug.
"""


def _mode(given: dict[str, list[str]], files: list[Layer]) -> Mode:
    """The command line's, else the topmost config's that has one."""
    stated = [(f"{layer.name}: mode", str(layer.values["mode"])) for layer in files if "mode" in layer.values]
    if "mode" in given:
        stated.append(("--mode", single("mode", given["mode"], f"one of {', '.join(MODES)}")))
    if not stated:
        raise UserError(f"--mode is missing, expected one of {', '.join(MODES)}; nearest: '--mode demo'")
    key, name = stated[-1]
    if name in not_built():
        raise UserError(f"{key} is '{name}', which is not built yet, expected one of {', '.join(MODES)}")
    if name not in MODES:
        raise unknown(key, name, MODES)
    return MODES[name]


def _read(words: Sequence[str]) -> tuple[dict[str, list[str]], str, list[Layer]]:
    given = split(words)
    config = single("config", given["config"], "a YAML file") if "config" in given else ""
    return given, config, layers(config) if config else []


def parse(argv: Sequence[str]) -> Any:
    """The settings of a mode, checked; nothing has been written."""
    given, config, files = _read(argv)
    mode = _mode(given, files)
    settings = build(mode, files, options(given, mode))
    checks.values(settings)
    checks.machine(settings)
    settings = named(checks.complete(settings), config)
    folders(settings)
    return settings


def _help(words: Sequence[str]) -> str:
    given, _, files = _read(words)
    if "mode" not in given and not files:
        width = max(map(len, MODES))
        modes = "\n".join(f"  {mode.name:<{width}}  {mode.summary}" for mode in MODES.values())
        return HELP.format(modes=modes, not_built=", ".join(not_built()))
    return str(parser(_mode(given, files)).format_help())


def _how_to_resume(words: Sequence[str], settings: Any) -> str:
    given = {key: values for key, values in split(words).items() if key not in ("overwrite", "resume")}
    saved = hasattr(settings, "resume") and (Path(settings.run) / "config.yaml").is_file()
    again = unsplit({**given, "resume": []}) if saved else words
    return f"interrupted; {'continue' if saved else 'start again'} with: python main.py {shlex.join(again)}"


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
    except KeyboardInterrupt:
        print(_how_to_resume(words, settings), file=sys.stderr)
        return 130
    return 0
