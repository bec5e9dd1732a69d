"""One self-contained HTML page: no script, no file beside it, readable in print."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from energy.account import Account
from energy.memory import MODELS
from energy.tables import Cells, layer_cells, price_cells, run_cells

STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 75rem; padding: 0 1rem;
  color: #1a1a1a; }
table { border-collapse: collapse; margin: 1rem 0; font-variant-numeric: tabular-nums; }
th, td { padding: .25rem .6rem; border-bottom: 1px solid #ddd; text-align: right; white-space: nowrap; }
th:first-child, td:first-child { text-align: left; }
td.text { white-space: normal; text-align: left; }
th { background: #f3f3f3; position: sticky; top: 0; }
.wide { overflow-x: auto; } img { max-width: 100%; } summary { cursor: pointer; font-weight: 600; }
"""

NAMES = """<p><b>paper</b>: mean count x dense MACs at 0.9 pJ against 4.6 pJ a MAC, what the literature
prints. <b>paper_exact</b>: the same prices on the events that happened. <b>compute: X</b>: every arithmetic
column of both networks whole, at one precision. <b>memory: X</b>: the same plus bytes, under this
model:</p>"""


def table(cells: Cells, *, prose: int = -1) -> str:
    """``prose``: the column that holds sentences."""
    head = "".join(f"<th>{escape(c)}</th>" for c in cells[0])
    body = "".join(
        "<tr>"
        + "".join(f"<td{' class=text' if i == prose else ''}>{escape(c)}</td>" for i, c in enumerate(line))
        + "</tr>"
        for line in cells[1:]
    )
    return f'<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def _model() -> str:
    lines = MODELS["perfect_reuse"].says
    return "<ul>" + "".join(f"<li>{escape(line)}</li>" for line in lines) + "</ul>"


def html(rows: Sequence[Mapping[str, Any]], accounts: Mapping[str, Account], image: bytes) -> str:
    sentences = "".join(f"<p>{escape(r['sentence'])}</p>" for r in rows if r["sentence"])
    layers = "".join(
        f"<details><summary>{escape(name)}: node by node (coverage {a.coverage:.0%})</summary>"
        f"{table(layer_cells(a))}</details>"
        for name, a in accounts.items()
    )
    picture = f'<img alt="energy by column and by part" src="data:image/png;base64,{b64encode(image).decode()}">'
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width"><title>Energy</title>'
        f"<style>{STYLE}</style></head><body><h1>Energy per frame</h1>{sentences}{picture}"
        f"{table(run_cells(rows))}{NAMES}{_model()}{layers}"
        f"<details><summary>Prices</summary>{table(price_cells(), prose=4)}</details></body></html>\n"
    )
