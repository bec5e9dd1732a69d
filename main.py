"""The command: ``python main.py --mode ann|snn|convert|energy|rates|data|demo|doctor [--config FILE] [--key x]``.

Only here do the two rooms of commands meet: the experiments' modes, and those of the tools.
"""

import sys
from collections.abc import Sequence

from experiments import cli
from tools.doctor import DOCTOR


def main(argv: Sequence[str] | None = None) -> int:
    return cli.main(argv, extra=(DOCTOR,))


if __name__ == "__main__":
    sys.exit(main())
