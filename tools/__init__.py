"""What only the keepers of this project run: benchmarks, parity, tables of the README, the golden file, the doctor."""

import os

# As in main.py, and as early: what is measured here should wait as it does there.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
