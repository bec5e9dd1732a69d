"""Mutual information between what is seen and what sounds, as a term of the loss: bounds, bank, published formula."""

from typing import TYPE_CHECKING

from avs.information.names import NAMES, check, reads
from common.late import late

if TYPE_CHECKING:
    from avs.information.terms import term

__all__ = ["NAMES", "check", "reads", "term"]
__getattr__ = late(__name__, {"avs.information.terms": ("term",)})
