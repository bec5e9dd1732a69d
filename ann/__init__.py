"""The real-valued dialect and the quantised one."""

from typing import TYPE_CHECKING

from common.late import late

if TYPE_CHECKING:
    from ann.dialect import ANN, QANN

__all__ = ["ANN", "QANN"]
__getattr__ = late(__name__, {"ann.dialect": ("ANN", "QANN")})
