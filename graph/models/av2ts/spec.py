"""``AV2TSSpec`` and its named specs; official values are the defaults."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal

from graph.backbones.resnet import DEPTHS
from graph.spec import BaseSpec

AUDIO_GROUPS = 4  # CED's tokens, two inner norms of the temporal blocks, their output: a quarter of the queries each
SPECTRUM = (96, 64)


@dataclass(frozen=True, kw_only=True)
class AV2TSSpec(BaseSpec):
    """``maskiges``: a third input, ``maskige`` [3, S, S], the image coloured by segments, with a backbone of its own.
    ``drop_path``: the image backbone's, where it has one, though nothing else drops in training. ``osa_stride``: of
    the map in which pixels and sounds attend to each other, in pixels of the mask feature. ``query_init``: of the
    decoder's tables; "small" lets the sound decide what a query is."""

    spike_friendly: ClassVar[Mapping[str, Any]] = {**BaseSpec.spike_friendly, "query_init": "small"}

    audio: str = "ced_mini"
    audio_dim: int = 256
    dropout: float = 0.0
    drop_path: bool = True
    maskiges: bool = False
    encoder_layers: int = 6
    encoder_ffn: int = 1024
    osa_layers: int = 3
    osa_stride: int = 4
    decoder_layers: int = 12
    decoder_ffn: int = 2048
    query_init: Literal["normal", "small"] = "normal"

    @property
    def levels(self) -> tuple[tuple[int, int], ...]:
        """Height and width of the three coarser levels, coarsest first: so the encoder's tokens are ordered."""
        return super().levels[::-1]

    @property
    def sounds(self) -> int:
        """Audio tokens of a second."""
        time, mel = (n // self.audio_patch for n in SPECTRUM)
        return time * mel

    @property
    def queries(self) -> int:
        return AUDIO_GROUPS * self.sounds

    @property
    def kinds(self) -> int:
        """Classes of a query besides "no object"; a binary mask has two, background and sounding."""
        return max(2, self.classes)


def resnet_norms(prefix: str) -> tuple[str, ...]:
    """The batch norms of a ResNet-50, which detectron2 keeps as they were pretrained while the convolutions train."""
    blocks = [f"{prefix}.layer{stage + 1}.{i}" for stage, depth in enumerate(DEPTHS) for i in range(depth)]
    shortcuts = [f"{prefix}.layer{stage + 1}.0.downsample.1" for stage in range(len(DEPTHS))]
    return (f"{prefix}.bn1", *(f"{block}.bn{n}" for block in blocks for n in (1, 2, 3)), *shortcuts)


FULL = AV2TSSpec()
MASKIGES = replace(FULL, maskiges=True)
R50 = replace(FULL, backbone="resnet50", frozen=("audio", *resnet_norms("backbone")))
R50_MASKIGES = replace(R50, maskiges=True, frozen=(*R50.frozen, *resnet_norms("pre_backbone")))
TINY = AV2TSSpec.small(
    audio=AV2TSSpec.audio,
    audio_patch=32,
    audio_depth=2,
    encoder_layers=1,
    encoder_ffn=96,
    osa_layers=1,
    decoder_layers=4,
    decoder_ffn=96,
)
MICRO = replace(
    TINY, image=32, widths=(4, 6, 8, 10), hidden=8, audio_dim=8, encoder_ffn=16, decoder_layers=2, decoder_ffn=16
)
AV2TS_SPECS: dict[str, AV2TSSpec] = {
    "full": FULL,
    "maskiges": MASKIGES,
    "r50": R50,
    "r50_maskiges": R50_MASKIGES,
    "tiny": TINY,
    "micro": MICRO,
}
