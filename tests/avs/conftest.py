"""Small chimes splits that several tests read."""

import os

import pytest
import torch

from avs.chimes import ChimesSpec, generate
from avs.clip import Clips

# Tests compare numbers to the last bit; a second thread would also fight the other test workers.
torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))


@pytest.fixture(scope="session")
def ms3() -> Clips:
    return generate(ChimesSpec(size=32), "val", 24)


@pytest.fixture(scope="session")
def semantic() -> Clips:
    return generate(ChimesSpec(size=32, variant="semantic"), "val", 24)
