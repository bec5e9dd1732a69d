"""The command: ``python main.py --mode ann|snn|convert|energy|rates|data|demo|doctor [--config FILE] [--key x]``."""

import sys

from experiments.cli import main

if __name__ == "__main__":
    sys.exit(main())
