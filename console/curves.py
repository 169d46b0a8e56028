"""ECharts options for curves of sensors: what was measured, and when it began and was seen. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from console.words import SHOWN, Shown, zone
from lifeline.errors import UnitError
from lifeline.units import Quantity, Scale, scale_to_si

_TONES = ("#1b2227", "#5d7fa3", "#8a6d3b", "#6b8f71", "#85628f")
_STROKES: tuple[Any, ...] = ("solid", "dashed", "dotted", [8, 3, 2, 3], [14, 4])
"""Curves differ by stroke as well as by tone."""


@dataclass(frozen=True, slots=True)
class Curve:
    """One line: times (UTC) and values. `other` curves are drawn dashed: expected values, thresholds."""

    name: str
    points: Sequence[tuple[datetime, float]]
    other: bool = False


@dataclass(frozen=True, slots=True)
class Mark:
    """A moment on the time axis."""

    name: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Picture:
    """Curves of one thing, `name`d by its quantity, and the unit in which people read their values."""

    name: str
    shown: Shown
    curves: tuple[Curve, ...]


def of_quantity(quantity: Quantity, *curves: Curve) -> Picture:
    """A picture of measured values, SI."""
    return Picture(quantity.value, SHOWN[quantity], curves)


def explained(curve: Any) -> Picture | None:
    """The curve that a detector explains itself with: what it saw, what it expected, where it draws the line.

    Anything that is not such a curve gives None: an explanation never keeps an alarm from being shown.
    """
    try:
        name, unit = str(curve["quantity"]), str(curve["unit"])
        known = name in set(Quantity)
        scale = scale_to_si(unit, Quantity(name)) if known else Scale(unit, 1.0)
        times = [datetime.fromisoformat(at).astimezone(UTC) for at in curve["times"]]
        lines = [
            Curve(
                line,
                [
                    (at, float(one) * scale.factor + scale.offset)
                    for at, one in zip(times, curve[line], strict=True)
                    if one is not None
                ],
                other=line != "observed",
            )
            for line in ("observed", "expected", "threshold")
            if curve.get(line)
        ]
    except (KeyError, TypeError, ValueError, UnitError):
        return None
    return Picture(name, SHOWN[Quantity(name)] if known else Shown(unit.replace("m3", "m³"), 1.0, 1), tuple(lines))


def options(picture: Picture, title: str, marks: Sequence[Mark], timezone: str) -> Any:
    """Lines over local time, in the unit that people read."""
    shown, curves = picture.shown, picture.curves

    def local_ms(at: datetime) -> float:
        # the axis is told that it shows UTC and given local times: right in any browser, wherever it stands
        offset = at.astimezone(zone(timezone)).utcoffset()
        return 1000 * (at.timestamp() + (offset.total_seconds() if offset else 0.0))

    series: list[dict[str, Any]] = [
        {
            "type": "line",
            "name": curve.name,
            "showSymbol": len(curve.points) == 1,
            "symbolSize": 5,
            "sampling": "lttb",
            "lineStyle": {
                "width": 1.4 if curve.other else 1.8,
                "type": _STROKES[(number + curve.other) % len(_STROKES)],
            },
            "data": [[local_ms(at), round(value * shown.per_si, shown.digits + 2)] for at, value in curve.points],
        }
        for number, curve in enumerate(curves)
    ]
    if series and marks:
        series[0]["markLine"] = {
            "symbol": "none",
            "silent": True,
            "lineStyle": {"color": "#c8102e", "type": "solid", "width": 1.2},
            "data": [
                {
                    "name": mark.name,
                    "xAxis": local_ms(mark.at),
                    # moments close together: the first one's word stands left of its line, the last one's right
                    "label": {
                        "formatter": "{b}",
                        "color": "#1b2227",
                        "fontSize": 11,
                        "position": "end",
                        "align": "right" if number == 0 and len(marks) > 1 else "left",
                    },
                }
                for number, mark in enumerate(marks)
            ],
        }
    return {
        "useUTC": True,
        "animation": False,
        "color": list(_TONES),
        "title": {
            "left": 0,
            "top": 0,
            "padding": 0,
            "text": f"{title}  {shown.unit}",
            "textStyle": {"fontSize": 12, "fontWeight": "normal", "color": "#4a555d"},
        },
        "grid": {"left": 8, "right": 58, "top": 62 if len(curves) > 1 else 42, "bottom": 4, "containLabel": True},
        "legend": {
            "show": len(curves) > 1,
            "type": "scroll",
            "top": 18,
            "left": 0,
            "itemHeight": 8,
            "itemWidth": 26,
            "textStyle": {"fontSize": 11},
        },
        "tooltip": {"trigger": "axis", "renderMode": "richText", "confine": True},
        "xAxis": {"type": "time", "axisLabel": {"fontSize": 11, "hideOverlap": True}, "axisLine": {"onZero": False}},
        "yAxis": {
            "type": "value",
            "scale": picture.name != Quantity.WATER_DEPTH.value,
            "axisLabel": {"fontSize": 11},
            "splitLine": {"lineStyle": {"color": "#d5dadd"}},
        },
        "series": series,
    }
