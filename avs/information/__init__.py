"""Mutual information between what is seen and what sounds, as a term of the loss: bounds, bank, published formula."""

from avs.information.term import NAMES, check, term

__all__ = ["NAMES", "check", "term"]
