"""Cases of ETAVS: mask logits, with either backbone."""

from __future__ import annotations

from functools import partial

from ann import ANN
from ann.checkpoints import etavs
from graph.lower import Network, lower
from graph.models import build, spec_of
from tools.parity.cases import Case, Check, image_and_sound, mean_std

CHECKS = {
    "out0_strided": Check(take=lambda outputs: outputs["mask"][:, :, ::4, ::4]),
    "out0_mean_std": Check(take=lambda outputs: mean_std(outputs["mask"])),
}


def network(spec: str, size: int) -> Network:
    return lower(build("etavs", spec_of("etavs", spec, image=size)), ANN, ["mask"])


CASES: dict[str, Case] = {
    "etavs_pvt2": Case(module=partial(network, "full"), keys=etavs.PVT, checks=CHECKS, inputs=image_and_sound),
    "etavs_res50": Case(module=partial(network, "r50"), keys=etavs.RESNET, checks=CHECKS, inputs=image_and_sound),
}
