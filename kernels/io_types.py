"""The types that kernels read and write, by the numbers that ``io.h`` gives them. Inside, everything is float32."""

from __future__ import annotations

import torch

IO = {torch.float32: 0, torch.float16: 1, torch.bfloat16: 2}
