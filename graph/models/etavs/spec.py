"""``EtavsSpec``: what ETAVS is made of, and its named specs: "full" and "r50" are the published ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal

from graph.spec import BaseSpec


@dataclass(frozen=True, kw_only=True)
class EtavsSpec(BaseSpec):
    """Official values are the defaults; ``hidden`` is the width of the mask decoder's pyramid.

    ``messages``: queries a modality and stage; ``messenger``: their width, also that of the sound's token.
    ``window``: how many consecutive frames exchange messages; a longer clip is several windows.
    ``reductions``: by how much each stage's keys and values are thinned in the decoder, finest first.
    ``narrow_first``: project a stage and its sound to ``hidden`` before they are fused (ResNet), not after (PVT).
    ``ffn_ratio``: hidden width of the decoder's feed-forward layers over their input's.
    ``query_init``: of the messages' table. ``result_norms``: a norm behind the result of every attention and behind the
    exchanged messages, for sums without a softmax may be of any size.
    """

    spike_friendly: ClassVar[Mapping[str, Any]] = {
        **BaseSpec.spike_friendly,
        "query_init": "normal",
        "result_norms": True,
    }

    frozen: tuple[str, ...] = ("backbone", "audio")
    messages: int = 5
    messenger: int = 128
    window: int = 5
    reductions: tuple[int, int, int, int] = (8, 4, 2, 1)
    narrow_first: bool = False
    ffn_ratio: int = 4
    query_init: Literal["xavier", "normal"] = "xavier"
    result_norms: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.frames % self.window:
            raise ValueError(f"spec.frames is {self.frames}, expected a multiple of spec.window, {self.window}")


FULL = EtavsSpec()
TINY = EtavsSpec.small(hidden=32, heads=EtavsSpec.heads, messenger=48, ffn_ratio=2)
ETAVS_SPECS: dict[str, EtavsSpec] = {
    "full": FULL,
    "r50": replace(FULL, backbone="resnet50", narrow_first=True),
    "tiny": TINY,
    "micro": replace(TINY, image=32, widths=(8, 8, 16, 16), hidden=8, audio_dim=16, messenger=16, messages=2),
}
