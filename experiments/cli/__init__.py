"""The command line: words and config files -> the settings of a mode, checked before anything is read or written."""

from experiments.cli.command import main, parse

__all__ = ["main", "parse"]
