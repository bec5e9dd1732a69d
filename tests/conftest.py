"""What every test runs under: one thread, and the same examples each time."""

import torch
from hypothesis import settings

# Tests compare numbers to the last bit; a second thread would also fight the other test workers.
torch.set_num_threads(1)
settings.register_profile("house", deadline=None, derandomize=True)
settings.load_profile("house")
