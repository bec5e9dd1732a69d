"""Official checkpoints: for each family and the beginning of its backbone's name, the map from their keys to ours.

``RELEASED``: of networks that are published spiking.
"""

from ann.checkpoints import av2ts, avsegformer, etavs, miavs
from ann.checkpoints.keymap import KeyMap

OFFICIAL: dict[str, dict[str, KeyMap]] = {
    "avsegformer": {"pvt_v2": avsegformer.PVT, "resnet": avsegformer.RESNET},
    "miavs": {"pvt_v2": miavs.PVT},
    "etavs": {"pvt_v2": etavs.PVT, "resnet": etavs.RESNET},
    "av2ts": {"pvt_v2": av2ts.PVT, "resnet": av2ts.RESNET},
}
RELEASED: dict[str, dict[str, KeyMap]] = {"miavs": {"pvt_v2": miavs.SNN}}

__all__ = ["OFFICIAL", "RELEASED", "KeyMap"]
