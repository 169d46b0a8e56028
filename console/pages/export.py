"""What a page shows as a file to take along: tables as CSV that spreadsheets open as they are."""

import csv
import io
from collections.abc import Iterable, Sequence
from datetime import datetime

from nicegui import ui

_BEGINS_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_NUMBERS = frozenset("0123456789.-–+% ")


def table(rows: Iterable[Sequence[object]]) -> bytes:
    """Rows as CSV (RFC 4180), UTF-8 with a mark that spreadsheets know it by.

    A cell that a spreadsheet would take for a formula is made text: what people wrote must not run anywhere.

    >>> table([["name", "m3"], ["=1+1", -3.5]]).decode("utf-8-sig").split()
    ['name,m3', "'=1+1,-3.5"]
    """
    text = io.StringIO()
    csv.writer(text).writerows([_cell(one) for one in row] for row in rows)
    return text.getvalue().encode("utf-8-sig")


def give(name: str, rows: Iterable[Sequence[object]], *, now: datetime) -> None:
    """Hands a table to the person's browser as a file `name`-date.csv. Within a page only."""
    ui.download.content(table(rows), f"{name}-{now:%Y%m%d-%H%M}.csv", "text/csv")


def _cell(value: object) -> object:
    if isinstance(value, dict):  # a link
        value = value.get("text", "")
    if value is None:
        return ""
    if isinstance(value, str) and value.startswith(_BEGINS_FORMULA) and not _NUMBERS.issuperset(value):
        return f"'{value}"
    return value
