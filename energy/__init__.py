"""Counts events on a running graph, prices them, and names the savings against mIoU."""

from energy.account import Account, Row, account
from energy.columns import Counts
from energy.report import compare, layer_table, write
from energy.savings import savings
from energy.verdict import sentence

__all__ = ["Account", "Counts", "Row", "account", "compare", "layer_table", "savings", "sentence", "write"]
