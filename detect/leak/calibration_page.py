"""The calibration as a page with pictures that an engineer can read, print and keep: HTML and PNG, nothing fetched."""

import html
import io
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure

from detect.leak.area import PipeMap
from detect.leak.calibrate import SEEN_LEAK_M3_PER_H, Calibration, ZoneCheck
from detect.port import Floats
from lifeline.provision import WORDS, Provision

_MAPS_MOST = 48
_LIMIT_DEVIATIONS = 4.0
_STYLE = """body{font:15px/1.5 "Noto Sans CJK SC","Microsoft YaHei",sans-serif;max-width:1080px;margin:2em auto;
padding:0 1em;color:#1b2227}table{border-collapse:collapse;width:100%;font-size:14px}
td,th{border-bottom:1px solid #d5dadd;padding:4px 8px;text-align:right}td:first-child,th:first-child{text-align:left}
img{max-width:100%}.poor,.silent{color:#c8102e;font-weight:600}small{color:#4a555d}"""
_WORDS = {"good": "良好 good", "usable": "可用 usable", "poor": "不符 poor", "silent": "无数据 silent"}


def page(
    found: Calibration, pipes: PipeMap, sensor_nodes_m: Floats, *, city: str, made_at: datetime
) -> dict[str, bytes]:
    """Files of the report by name: `index.html` and the pictures that it shows.

    `sensor_nodes_m` (n_pressures, 2) is where the pressure sensors stand on the plane of `pipes`.
    """
    files = {
        "smallest.png": _smallest(found, pipes, sensor_nodes_m),
        "seen.png": _seen(found, pipes, sensor_nodes_m),
    }
    if len(found.left_m):
        files["residuals.png"] = _residuals(found)
    if 0 < len(found.sensors) <= _MAPS_MOST:
        files["each.png"] = _each(found, pipes, sensor_nodes_m)
    files["index.html"] = _html(found, city, made_at, files).encode()
    return files


def _residuals(found: Calibration) -> bytes:
    figure = Figure(figsize=(10, max(3.0, 0.22 * len(found.sensors) + 1.2)), layout="constrained")
    axes = figure.add_subplot()
    scatter = np.array([max(s.scatter_m, 1e-4) for s in found.sensors])
    deviation = ((found.left_m - np.nanmedian(found.left_m, axis=0)) / scatter).T
    days = (found.hours - found.hours[0]) / 86_400.0
    shown = axes.imshow(
        deviation, aspect="auto", cmap="RdBu", vmin=-_LIMIT_DEVIATIONS, vmax=_LIMIT_DEVIATIONS, interpolation="nearest",
        extent=(0.0, float(days[-1]) or 1.0, len(found.sensors) - 0.5, -0.5),
    )  # fmt: skip
    axes.set_yticks(range(len(found.sensors)), [s.sensor_id for s in found.sensors], fontsize=7)
    axes.set_xlabel("days")
    axes.set_title("pressure: measured less expected, in standard deviations of the sensor", fontsize=10)
    figure.colorbar(shown, ax=axes, shrink=0.6)
    return _png(figure)


def _smallest(found: Calibration, pipes: PipeMap, nodes_m: Floats) -> bytes:
    value = np.where(np.isfinite(found.sight.smallest_m3_per_h), found.sight.smallest_m3_per_h, np.nan)
    most = float(np.nanquantile(value, 0.95)) if np.isfinite(value).any() else 1.0
    figure, axes = _map(pipes, nodes_m, "smallest leak that would be found, m3/h (grey: none)")
    lines = LineCollection(pipes.lines_m, array=np.ma.masked_invalid(value), cmap="viridis_r", linewidths=2.0)
    lines.set_clim(0.0, most)
    axes.add_collection(lines)
    figure.colorbar(lines, ax=axes, shrink=0.6)
    return _png(figure)


def _seen(found: Calibration, pipes: PipeMap, nodes_m: Floats) -> bytes:
    count = sum((found.sight.seen_by(i, SEEN_LEAK_M3_PER_H).astype(int) for i in range(len(found.sensors))), 0)
    title = f"how many pressure sensors see a leak of {SEEN_LEAK_M3_PER_H:g} m3/h"
    figure, axes = _map(pipes, nodes_m, title)
    counted = np.asarray(count, dtype=float) * np.ones(len(pipes.names))
    lines = LineCollection(pipes.lines_m, array=counted, cmap="magma_r", linewidths=2.0)
    axes.add_collection(lines)
    figure.colorbar(lines, ax=axes, shrink=0.6)
    return _png(figure)


def _each(found: Calibration, pipes: PipeMap, nodes_m: Floats) -> bytes:
    columns = min(6, len(found.sensors))
    rows = -(-len(found.sensors) // columns)
    figure = Figure(figsize=(2.0 * columns, 2.0 * rows), layout="constrained")
    for i, sensor in enumerate(found.sensors):
        axes = figure.add_subplot(rows, columns, i + 1)
        seen = found.sight.seen_by(i, SEEN_LEAK_M3_PER_H)
        colours = np.where(seen, "#1d6fa5", "#d5dadd")
        axes.add_collection(LineCollection(pipes.lines_m, colors=colours.tolist(), linewidths=0.8))
        axes.plot(*nodes_m[i], "o", color="#c8102e", markersize=4)
        axes.set_title(f"{sensor.sensor_id} {100 * sensor.seen_share:.0f} %", fontsize=7)
        axes.autoscale()
        axes.set_aspect("equal")
        axes.set_axis_off()
    return _png(figure)


def _map(pipes: PipeMap, nodes_m: Floats, title: str) -> tuple[Figure, Any]:
    figure = Figure(figsize=(8, 6.5), layout="constrained")
    axes = figure.add_subplot()
    axes.add_collection(LineCollection(pipes.lines_m, colors="#d5dadd", linewidths=1.0))
    axes.plot(nodes_m[:, 0], nodes_m[:, 1], "^", color="#c8102e", markersize=5)
    axes.set_aspect("equal")
    axes.autoscale()
    axes.set_axis_off()
    axes.set_title(title, fontsize=10)
    return figure, axes


def _png(figure: Figure) -> bytes:
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=110)
    return file.getvalue()


def _html(found: Calibration, city: str, made_at: datetime, files: dict[str, bytes]) -> str:
    good = found.verdict == "model"
    advice = (
        '模型可用：city.toml 写 <code>expected_pressure = "model"</code>。 The model can be used.'
        if good
        else '请用历史数据：city.toml 写 <code>expected_pressure = "data"</code>。 Learn from history instead.'
    )
    source = (
        f"{found.days:g} 天实测数据 days of readings"
        if found.measured or found.trust is not None
        else f"数据不足 ({found.days:g} 天)，离散度按随机用水估算。 Too few readings: scatter of random demands."
    )
    if found.trust is not None:
        times = f"{found.trust.misfit:.1f}"
        source += (
            f" · <code>{found.trust.reason.value}</code> 日间离散为随机用水的 {times} 倍 "
            f"pressures scatter from day to day {times} times as random demands do"
        )
    serves = " · ".join(f"{one.value} {WORDS[one]}" for one in (Provision.P6_1, Provision.P6_2))
    lines = [
        f"<!doctype html><meta charset='utf-8'><title>{html.escape(city)} 漏损检测标定</title><style>{_STYLE}</style>",
        f"<h1>{html.escape(city)} 漏损检测标定 Calibration of leak detection</h1>",
        f"<p>{made_at.astimezone(UTC):%Y-%m-%d %H:%M} UTC · {source} · 用水曲线偏移 demand patterns shifted by "
        f"{found.pattern_shift_days} d<br><b>{advice}</b></p>",
        f"<p><small>{serves}</small></p>",
        "<h2>分区：能发现的最小漏损 Zones: smallest leak that would be found</h2>",
        _table(
            ("分区 zone", "封闭 closed", "管长 km", "流量 m³/h", "日离散 m³/h", "半数 half m³/h", "九成 90 % m³/h"),
            [_zone_row(z) for z in found.zones],
        ),
        "<img src='smallest.png' alt='smallest leak per pipe'>",
        "<h2>压力传感器 Pressure sensors</h2>",
        _table(
            ("传感器 sensor", "评价 verdict", "有效 known", "偏差 bias m", "小时离散 hourly m", "日离散 daily m",
             f"可见管长 sees {SEEN_LEAK_M3_PER_H:g} m³/h", "剔除 masked"),
            [
                (s.sensor_id, f"<span class='{s.verdict}'>{_WORDS[s.verdict]}</span>", f"{100 * s.known:.0f} %",
                 f"{s.bias_m:+.2f}", f"{s.scatter_m:.3f}", f"{s.day_scatter_m:.4f}", f"{100 * s.seen_share:.0f} %",
                 html.escape(", ".join(f"{reason} {count}" for reason, count in s.masked.items())) or "-")
                for s in found.sensors
            ],
        ),
        "<img src='seen.png' alt='sensors that see a pipe'>",
    ]  # fmt: skip
    lines += [f"<img src='{name}' alt='{name}'>" for name in ("each.png", "residuals.png") if name in files]
    calls = [r for r in found.reports if r.kind in ("leak", "burst")]
    if calls:
        lines.append(
            "<h2>标定期间已有漏损 Leaks within the calibration</h2>"
            "<p>先修复再标定。 Mend them, then calibrate again.</p>"
        )
        rows = [(r.element, f"{r.at:%Y-%m-%d %H:%M}", f"{r.flow_m3_per_h:.1f}", f"{r.probability:.2f}") for r in calls]
        lines.append(_table(("管段 pipe", "时间 UTC", "m³/h", "300 m 内概率"), rows))
    return "\n".join(lines) + "\n"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    cells = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table><tr>{''.join(f'<th>{name}</th>' for name in head)}</tr>{cells}</table>"


def _zone_row(zone: ZoneCheck) -> tuple[str, ...]:
    return (
        html.escape(zone.zone_id),
        "是 yes" if zone.closed else "否 no",
        f"{zone.length_m / 1000:.1f}",
        f"{zone.mean_flow_m3_per_h:.1f}",
        "-" if zone.day_scatter_m3_per_h is None else f"{zone.day_scatter_m3_per_h:.2f}",
        _size(zone.half_m3_per_h),
        _size(zone.most_m3_per_h),
    )


def _size(flow: float) -> str:
    return f"{flow:.1f}" if np.isfinite(flow) else "无 none"
