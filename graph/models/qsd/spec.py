"""``QsdSpec``: what QSD is made of, and its named specs.

The paper has no public code; ``graph.models.qsd`` says what is the paper's, what is its base code's, and what is ours.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal

from graph.spec import BaseSpec


@dataclass(frozen=True, kw_only=True)
class QsdSpec(BaseSpec):
    """``sources`` n: single-source semantics a sound is decomposed into, and queries of the decoder.

    ``entries``: of the one codebook, each ``hidden / groups`` wide; ``groups`` splits every semantic further.
    ``decay``, ``commitment``: of the codebook's running means, and weight of the distance to it in ``loss_commit``.
    ``clip_layers``: over the sounds of a clip, before it is decomposed; ``decompose_layers``, ``calibrate_layers``: of
    the global and the local stage. ``recombine``: what is seen is multiplied ("multiply") with what it finds among the
    semantics, or that is added ("add"). ``maps``: scales of the encoder; beyond three, strided convolutions make them.
    ``controller_layers``: of the MLP that writes the filters of a mask; ``dynamic``: their inner widths.
    ``query_init``: of the decoder's queries. ``mask_feature_norm``: a norm behind the mask feature.
    ``written_norms``: a norm behind the class scores and behind every layer of that MLP; what queries write then has
    unit variance. ``written_scale``: sums of products with it are scaled back by a power of two.
    """

    spike_friendly: ClassVar[Mapping[str, Any]] = {
        **BaseSpec.spike_friendly,
        "recombine": "add",
        "query_init": "small",
        "mask_feature_norm": True,
        "written_norms": True,
        "written_scale": True,
    }

    sources: int = 5
    entries: int = 512
    groups: int = 1
    decay: float = 0.99
    commitment: float = 0.25
    clip_layers: int = 1
    decompose_layers: int = 1
    calibrate_layers: int = 1
    recombine: Literal["multiply", "add"] = "multiply"
    maps: int = 4
    encoder_layers: int = 4
    decoder_layers: int = 4
    ffn: int = 2048
    mask_dim: int = 256
    controller_layers: int = 3
    dynamic: tuple[int, ...] = (8, 8)
    query_init: Literal["normal", "small"] = "normal"
    mask_feature_norm: bool = False
    written_norms: bool = False
    written_scale: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.hidden % self.groups:
            raise ValueError(f"spec.groups is {self.groups}, expected a divisor of spec.hidden, {self.hidden}")
        if self.maps < 3:
            raise ValueError(f"spec.maps is {self.maps}, expected 3 or more: the mask feature is built on three")

    @property
    def levels(self) -> tuple[tuple[int, int], ...]:
        """Height and width of every map the encoder reads, finest first."""
        sizes = [self.image // s for s in self.strides[1:]]
        while len(sizes) < self.maps:
            sizes.append((sizes[-1] + 1) // 2)
        return tuple((n, n) for n in sizes)


FULL = QsdSpec()
TINY = QsdSpec.small(
    sources=4,
    entries=64,
    maps=3,
    encoder_layers=1,
    decoder_layers=1,
    ffn=96,
    mask_dim=24,
    controller_layers=2,
)
QSD_SPECS: dict[str, QsdSpec] = {
    "full": FULL,
    "r50": replace(FULL, backbone="resnet50"),
    "tiny": TINY,
    "micro": replace(TINY, image=32, widths=(4, 6, 8, 10), hidden=8, audio_dim=8, entries=8, sources=2, mask_dim=8),
}
