"""The house keeps its shape: who imports whom, how long a file may be, what a config says, what the README promises."""

from __future__ import annotations

import ast
import re
import subprocess
import tomllib
from fnmatch import fnmatch
from pathlib import Path

import pytest

from experiments.cli import parse
from experiments.cli.files import layers

ROOT = Path(__file__).parents[1]
# A room and the rooms that it may import. What is not listed is not allowed.
MAY_IMPORT: dict[str, set[str]] = {
    "main": {"experiments", "tools"},
    "tools": {"events", "experiments", "convert", "energy", "ann", "snn", "layers", "graph", "kernels", "avs"},
    "experiments": {"events", "convert", "energy", "ann", "snn", "layers", "graph", "kernels", "avs"},
    "convert": {"ann", "snn", "events", "layers", "graph"},
    "events": {"graph"},
    "energy": {"ann", "snn", "layers", "graph"},
    "ann": {"layers", "graph"},
    "snn": {"layers", "graph", "kernels"},
    "layers": {"graph", "kernels"},
    "graph": set(),
    "kernels": set(),
    "avs": set(),
    "common": set(),
}
EVERYBODY = {"common"}
CONFIGS = sorted((ROOT / "configs").glob("*.yaml"))


def python_files(room: str) -> list[Path]:
    return [ROOT / "main.py"] if room == "main" else sorted((ROOT / room).rglob("*.py"))


def imported(path: Path) -> set[str]:
    """Top-level names of everything that a file imports, also inside its functions."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import hides the room"
            found.add(str(node.module).split(".")[0])
    return found


def tracked() -> list[Path]:
    """Files that git has, or would take."""
    listing = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    done = subprocess.run(listing, cwd=ROOT, capture_output=True, text=True)
    if done.returncode:  # an unpacked archive: everything that is not hidden
        paths = (p.relative_to(ROOT) for p in ROOT.rglob("*"))
        return [ROOT / p for p in paths if (ROOT / p).is_file() and not any(part.startswith(".") for part in p.parts)]
    return [ROOT / name for name in done.stdout.splitlines() if (ROOT / name).is_file()]


@pytest.mark.parametrize("room", MAY_IMPORT)
def test_a_room_imports_only_rooms_below_it(room):
    files = python_files(room)
    assert files
    for path in files:
        if path.name == "__main__.py":  # a command stands above the rooms, as tools do
            continue
        stray = (imported(path) & set(MAY_IMPORT)) - MAY_IMPORT[room] - EVERYBODY - {room}
        assert not stray, f"{path.relative_to(ROOT)} imports {stray}"


def test_graph_knows_torch_in_one_folder():
    assert {p.parent.name for p in python_files("graph") if "torch" in imported(p)} == {"lower"}


def test_every_room_is_packaged():
    found = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]["find"]["include"]
    for room in set(MAY_IMPORT) - {"main"}:
        for path in python_files(room):
            package = ".".join(path.parent.relative_to(ROOT).parts)
            assert any(fnmatch(package, pattern) for pattern in found), f"{package} is not in pyproject.toml"
            assert (path.parent / "__init__.py").is_file(), f"{package} has no __init__.py"


@pytest.mark.parametrize("room", [*MAY_IMPORT, "tests"])
def test_files_are_short_and_say_what_they_are(room):
    for path in python_files(room):
        text = path.read_text()
        assert len(text.splitlines()) <= 400, f"{path} is longer than 400 lines"
        assert ast.get_docstring(ast.parse(text)) or not text, f"{path} has no docstring"
        assert not re.search(r"^\s*except\s*:", text, re.MULTILINE), f"{path} has a bare except"


def test_no_path_of_a_machine():
    home = re.compile(r"(?<![\w.:/}])/(?:" + "|".join(("home", "root", "tmp", "work", "mnt", "Users")) + r")/\w")
    for path in tracked():
        if path.suffix in {".npz", ".png", ".safetensors", ".wav"}:
            continue
        found = home.search(path.read_text(encoding="utf-8"))
        assert found is None, f"{path.relative_to(ROOT)} holds {found.group()}..."


@pytest.mark.parametrize("config", CONFIGS, ids=lambda path: path.stem)
def test_a_config_says_command_cost_and_result_and_parses(config, tmp_path, monkeypatch):
    lines = config.read_text().splitlines()
    for line, word in zip(lines, ("Command:", "Cost:", "Expected:"), strict=False):
        assert re.match(rf"# {word}\s+\S", line), f"{config.name} does not begin with command, cost and expected result"
    found = re.search(r"python main\.py (--mode (\w+) --config (\S+).*)", lines[0])
    assert found and found[3] == f"configs/{config.name}"
    # The runs that a config starts from, made up: what is tested is the file.
    monkeypatch.chdir(tmp_path)
    (tmp_path / "configs").symlink_to(ROOT / "configs")
    for layer in layers(f"configs/{config.name}"):
        for run in (layer.values.get("init"), layer.values.get("source")):
            if run:
                (tmp_path / run).mkdir(parents=True, exist_ok=True)
                (tmp_path / run / "config.yaml").write_text("mode: ann\n")
    assert parse(found[1].split()).mode == found[2]
    assert parse(["--config", found[3]]).mode == found[2]


@pytest.mark.parametrize("text", ["README.md", "CONTRIBUTING.md", ".ci/run"])
def test_make_targets_that_are_named_exist(text):
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"(?:^|`|\$ )make ([a-z-]+)", (ROOT / text).read_text(), re.MULTILINE))
    assert named and named <= targets, f"{text} names {named - targets}"
