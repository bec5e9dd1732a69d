"""Names that are imported when they are asked for: the right ones, no others, and never a module in a name's place."""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path

import pytest

from common.late import late

ROOT = Path(__file__).parents[2]
PACKAGES = ("ann", "avs.chimes", "avs.avsbench", "avs.information")


def test_a_name_is_imported_when_it_is_asked_for():
    attribute = late("here", {"json.decoder": ("JSONDecoder",)})
    assert attribute("JSONDecoder") is importlib.import_module("json.decoder").JSONDecoder
    with pytest.raises(AttributeError, match="module 'here' has no attribute 'JSONDecode'"):
        attribute("JSONDecode")


def test_a_home_that_would_hide_its_name_is_refused():
    with pytest.raises(ValueError, match=r"here: json\.decoder is called like a name"):
        late("here", {"json.decoder": ("decoder",)})


@pytest.mark.parametrize("package", PACKAGES)
def test_every_name_of_a_package_is_there(package):
    there = importlib.import_module(package)
    assert all(getattr(there, name) is not None for name in there.__all__)
    with pytest.raises(ImportError, match="nothing_of_it"):
        exec(f"from {package} import nothing_of_it")


def test_the_packages_do_without_torch():
    code = f"import sys, {', '.join(PACKAGES)}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0
