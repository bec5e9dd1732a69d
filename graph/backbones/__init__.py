"""Image and audio networks by name. A backbone maps an image to four features, finest first; audio becomes tokens.

After stage i (0 to 3) a backbone calls ``after(i, feature)`` and goes on with what that returns, so that a family may
write into the features between the stages. Parameters have timm's names.
"""

from common.words import not_among
from graph.backbones.ced import ced
from graph.backbones.efficientnet import EFFICIENTNET
from graph.backbones.kinds import After, AudioNet, Backbone, unchanged
from graph.backbones.pvt_v2 import PVT_V2
from graph.backbones.resnet import resnet50
from graph.backbones.tiny import tiny, tiny_audio
from graph.backbones.vggish import vggish
from graph.spec import BaseSpec

BACKBONES: dict[str, Backbone] = {"tiny": tiny, "resnet50": resnet50, **PVT_V2, **EFFICIENTNET}
AUDIO: dict[str, AudioNet] = {"tiny_audio": tiny_audio, "vggish": vggish, "ced_mini": ced}


def image_network(spec: BaseSpec) -> Backbone:
    if spec.backbone not in BACKBONES:
        raise ValueError(not_among("spec.backbone", spec.backbone, BACKBONES))
    return BACKBONES[spec.backbone]


def audio_network(spec: BaseSpec) -> AudioNet:
    if spec.audio not in AUDIO:
        raise ValueError(not_among("spec.audio", spec.audio, AUDIO))
    return AUDIO[spec.audio]


__all__ = ["AUDIO", "BACKBONES", "After", "AudioNet", "Backbone", "audio_network", "image_network", "unchanged"]
