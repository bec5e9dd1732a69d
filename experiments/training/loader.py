"""Frames for a network, through torch's ``DataLoader``: read and changed in processes of their own, ahead of use.

An item is one whole batch, (clip indices [B], tensors by name). With ``workers`` the clip that each of them is reading
stands in shared memory, so that one that dies can be told with its clip.
"""

from __future__ import annotations

import multiprocessing
import os
import re
import time
from collections.abc import Iterator, Sequence
from itertools import pairwise

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, get_worker_info

from avs.split import Split
from experiments.errors import UserError

Frames = tuple[Tensor, Tensor]  # clips [B], frames [B]
Item = tuple[Tensor, dict[str, Tensor]]
DIED = re.compile(r"DataLoader worker \(pid(?:\(s\))? ([\d, ]+)\)")
LAST_WORD = 5.0  # seconds from a broken pipe until the process at its other end is known to be dead


class Reading(Dataset[Item | str]):
    """``wanted``: what each item reads. A subclass may change that. ``at``: process and clip of each worker."""

    def __init__(self, clips: Split, wanted: Sequence[Frames]) -> None:
        self.clips, self.wanted = clips, wanted
        self.at = torch.empty(0, 2, dtype=torch.long)

    def __len__(self) -> int:
        return len(self.wanted)

    def __getitem__(self, number: int) -> Item | str:
        """What went wrong, as text: an exception would lose its place on the way to the process that asked."""
        clip_idx, frame_idx = self.wanted[number]
        info = get_worker_info()
        if info is None:
            return clip_idx, self.clips.frame_batch(clip_idx, frame_idx)
        try:
            parts = [self._clip(info.id, clip_idx[rows], frame_idx[rows]) for rows in runs(clip_idx)]
        except (ValueError, OSError) as error:
            return str(error)
        return clip_idx, {name: torch.cat([part[name] for part in parts]) for name in parts[0]}

    def _clip(self, worker: int, clip_idx: Tensor, frame_idx: Tensor) -> dict[str, Tensor]:
        self.at[worker] = torch.tensor([os.getpid(), int(clip_idx[0])])
        return self.clips.frame_batch(clip_idx, frame_idx)


def runs(clip_idx: Tensor) -> list[slice]:
    """Rows that follow each other in one clip."""
    ends = [0, *(clip_idx[1:] != clip_idx[:-1]).nonzero()[:, 0].add(1).tolist(), len(clip_idx)]
    return [slice(a, b) for a, b in pairwise(ends)]


def items(reading: Reading, workers: int, device: torch.device) -> Iterator[Item]:
    """All items in order, on the CPU; pinned where they go to a GPU."""
    reading.at = torch.full((workers, 2), -1).share_memory_()
    loader = DataLoader(
        reading,
        batch_size=None,
        num_workers=workers,
        pin_memory=device.type == "cuda",
        # Else it would draw from torch's own generator, and a resumed run would see other numbers than a whole one.
        generator=torch.Generator().manual_seed(0),
    )
    try:
        for item in loader:
            if isinstance(item, str):
                raise UserError(item)
            yield item
    except (RuntimeError, ConnectionError, EOFError) as error:
        raise explained(error, reading) from error


def explained(error: Exception, reading: Reading) -> Exception:
    """A worker that died, with what it read; any other error as it is."""
    match = DIED.search(str(error))
    if match is not None:
        dead = {int(pid) for pid in match[1].split(",")}
    else:
        # Killed while it handed over an item: the broken pipe is seen before the death.
        broken = isinstance(error, ConnectionError | EOFError)
        dead = departed({pid for pid in reading.at[:, 0].tolist() if pid >= 0}) if broken else set()
    if not dead:
        return error
    clips = [reading.clips.name(clip) for pid, clip in reading.at.tolist() if pid in dead and clip >= 0]
    what = f"while it read {' and '.join(clips)}" if clips else "before it read anything"
    return UserError(
        f"a process that reads data died {what} ({str(error).strip()}), expected it to live; data.workers 0 reads in "
        "this process and shows the error, and fewer workers need less memory"
    )


def departed(pids: set[int]) -> set[int]:
    """Those that live no longer; waits a moment for the first."""
    until = time.monotonic() + LAST_WORD
    while time.monotonic() < until:
        dead = pids - {child.pid for child in multiprocessing.active_children()}
        if dead:
            return dead
        time.sleep(0.01)
    return set()
