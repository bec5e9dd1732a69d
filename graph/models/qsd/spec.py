"""``QsdSpec``: what QSD is made of, and its named specs.

The paper has no public code; ``graph.models.qsd`` says what is the paper's, what is its base code's, and what is ours.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

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
    """

    sources: int = 5
    entries: int = 512
    groups: int = 1
    decay: float = 0.99
    commitment: float = 0.25
    clip_layers: int = 1
    decompose_layers: int = 1
    calibrate_layers: int = 1
    recombine: str = "multiply"
    maps: int = 4
    encoder_layers: int = 4
    decoder_layers: int = 4
    ffn: int = 2048
    mask_dim: int = 256
    controller_layers: int = 3
    dynamic: tuple[int, ...] = (8, 8)

    def __post_init__(self) -> None:
        if self.hidden % self.groups:
            raise ValueError(f"spec.groups is {self.groups}, expected a divisor of spec.hidden, {self.hidden}")
        if self.recombine not in ("multiply", "add"):
            raise ValueError(f"spec.recombine is '{self.recombine}', expected 'multiply' or 'add'")
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
    recombine="add",
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
