"""Our networks against official outputs, tensor by tensor.

The vectors were made with 256-bit vector instructions. Wider ones add in another order, which a spiking network with
random weights turns into another picture (see ``published_order``), so this package asks torch's libraries for these
instructions, unless the environment says otherwise. They read that once, when torch is imported; later it would only
be inherited by child processes, so then it is left alone.
"""

import os
import sys

if "torch" not in sys.modules:
    for _asked in (
        ("ONEDNN_MAX_CPU_ISA", "AVX2"),
        ("ATEN_CPU_CAPABILITY", "avx2"),
        ("MKL_ENABLE_INSTRUCTIONS", "AVX2"),
    ):
        os.environ.setdefault(*_asked)
