"""``python -m experiments.bench``."""

from __future__ import annotations

import sys

from experiments.bench.command import main

sys.exit(main())
