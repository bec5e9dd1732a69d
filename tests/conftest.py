"""What every test runs under: one thread, vectors of one width, and the same examples each time."""

import os

import torch
from hypothesis import settings

# A processor's widest vectors change the last bits of a sum, which tests compare. torch reads these when it first
# computes; runs that a test starts inherit them.
os.environ.setdefault("ONEDNN_MAX_CPU_ISA", "AVX2")
os.environ.setdefault("ATEN_CPU_CAPABILITY", "avx2")

# A second thread would change sums too, and fight the other test workers.
torch.set_num_threads(1)
settings.register_profile("house", deadline=None, derandomize=True)
settings.load_profile("house")
