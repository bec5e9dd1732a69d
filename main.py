"""The command: ``python main.py --mode ann|snn|convert|energy|rates|data|demo|doctor [--config FILE] [--key x]``.

Only here do the two rooms of commands meet: the experiments' modes, and those of the tools.
"""

import os
import sys
from collections.abc import Sequence

# Threads that wait sleep. Spinning, they take the core from the one that works wherever a machine is busy; to be heard,
# it must be said before torch is loaded.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

from experiments import cli
from tools.doctor import DOCTOR


def main(argv: Sequence[str] | None = None) -> int:
    return cli.main(argv, extra=(DOCTOR,))


if __name__ == "__main__":
    sys.exit(main())
