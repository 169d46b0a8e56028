"""The plots of the supervision report, as SVG that needs nothing else: Chinese words, numbers beside colours. Pure."""

from collections.abc import Mapping, Sequence
from html import escape
from itertools import pairwise

from alerts.supervision import Counted
from alerts.supervision_measures import LEVEL_WORDS, STEP_WORDS, kind_words, kinds

_COLOURS = {1: "#c53030", 2: "#dd6b20", 3: "#d69e2e", 4: "#2b6cb0"}
_INK, _BAR = "#1a1a1a", "#2b6cb0"
_FONT = 'font-family="Noto Sans CJK SC, WenQuanYi Micro Hei, sans-serif" font-size="11"'
_BINS_MIN = (1, 3, 5, 7, 15, 60, 240)
"""Upper bounds of the classes of response times; 3 and 5 are what is asked for."""


def months(found: Counted) -> str:
    """Alarms of each month, stacked by level, the gravest at the bottom."""
    most = max([sum(found.months[month, level] for level in _COLOURS) for month in range(1, 13)] + [1])
    parts = []
    for month in range(1, 13):
        x, top = 48 * (month - 1) + 8, 130.0
        for level, colour in _COLOURS.items():
            height = 100 * found.months[month, level] / most
            top -= height
            if height:
                parts.append(_box(x, top, 32, height, colour))
        total = sum(found.months[month, level] for level in _COLOURS)
        parts += [_text(x + 16, 145, f"{month}月"), _text(x + 16, top - 4, str(total) if total else "")]
    for place, (level, colour) in enumerate(_COLOURS.items()):
        parts += [_box(8 + 90 * place, 4, 10, 10, colour), _text(22 + 90 * place, 13, LEVEL_WORDS[level][0], "start")]
    return _svg(584, 150, parts)


def by_kind(found: Counted) -> str:
    """A bar for each kind of alarm with its number."""
    return _bars({kind_words(kind): found.opened[kind] for kind in kinds(found)})


def response_times(found: Counted, step: str) -> str:
    """How many alarms reached `step` within so many minutes."""
    names = [f"≤ {_BINS_MIN[0]} 分", *(f"{a}–{b} 分" for a, b in pairwise(_BINS_MIN))]
    classes = dict.fromkeys([*names, f"> {_BINS_MIN[-1]} 分"], 0)
    for spent in found.spent(step):
        place = sum(spent > 60 * bound for bound in _BINS_MIN)
        classes[list(classes)[place]] += 1
    return _bars(classes, title=f"报警到{STEP_WORDS[step][0]}（分钟）")


def conversions(hours: Sequence[tuple[str, float, float]]) -> str:
    """Promised (outline) and actual hours (filled) of each conversion."""
    most = max([max(promised, actual) for _, promised, actual in hours] + [0.1])
    parts = []
    for line, (site, promised, actual) in enumerate(hours):
        y = 22 * line + 4
        late = actual > promised
        parts += [
            _text(0, y + 12, site, "start"),
            _box(150, y, 340 * actual / most, 14, "#c53030" if late else "#2f855a"),
            f'<rect x="150" y="{y}" width="{340 * promised / most:.1f}" height="14" fill="none" stroke="{_INK}"/>',
            _text(498, y + 12, f"{actual:.1f} / {promised:.1f} h", "start"),
        ]
    return _svg(584, 22 * len(hours) + 8, parts)


def _bars(values: Mapping[str, int], title: str = "") -> str:
    most, above = max([*values.values(), 1]), 20 if title else 0
    parts = [_text(0, 13, title, "start")] if title else []
    for line, (name, value) in enumerate(values.items()):
        y = above + 20 * line + 2
        width = 360 * value / most
        parts += [
            _text(110, y + 12, name, "end"),
            _box(120, y, width, 15, _BAR),
            _text(126 + width, y + 12, f"{value:,}", "start"),
        ]
    return _svg(584, above + 20 * len(values) + 6, parts)


def _svg(width: int, height: int, parts: Sequence[str]) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        f'role="img" {_FONT}>{"".join(parts)}</svg>'
    )


def _box(x: float, y: float, width: float, height: float, colour: str) -> str:
    return f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" fill="{colour}"/>'


def _text(x: float, y: float, words: str, anchor: str = "middle") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" fill="{_INK}" text-anchor="{anchor}">{escape(words)}</text>' if words else ""
