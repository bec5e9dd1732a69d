"""The real-valued dialect and the quantised one."""

from ann.dialect import ANN, QANN

__all__ = ["ANN", "QANN"]
