"""The supervision report as one HTML page that needs nothing else: Chinese first, a chart of the months, tables."""

from collections.abc import Sequence
from datetime import datetime
from html import escape

from alerts.supervision import Counted, Measure
from lifeline.provision import WORDS, Provision

_STYLE = """
body { font: 15px/1.5 "Noto Sans CJK SC", "Microsoft YaHei", sans-serif;
  max-width: 60em; margin: 2em auto; color: #1a1a1a }
h1 { font-size: 1.6em } h2 { font-size: 1.1em; margin: 1.6em 0 .3em } small { color: #555 }
table { border-collapse: collapse; width: 100% }
td, th { border-bottom: 1px solid #ccc; padding: .3em .5em; text-align: left }
td:last-child { text-align: right; overflow-wrap: anywhere; max-width: 24em } @media print { h2 { break-after: avoid } }
"""
_ORDER = (
    Provision.P6_1, Provision.P6_2, Provision.P6_3, Provision.P6_4, Provision.P6_5, Provision.P6_6, Provision.P11_1,
    Provision.P11_2, Provision.P4_1, Provision.P14_1,
)  # fmt: skip


def page(year: int, found: Counted, measures: Sequence[Measure], ledger: Sequence[Sequence[str]], now: datetime) -> str:
    """The page. `ledger`: lines of the renewal ledger: rank, pipe, material, age, breaks, reasons."""
    parts = [
        f'<!doctype html><html lang="zh-CN"><meta charset="utf-8"><title>{year} 监督报告</title>',
        f"<style>{_STYLE}</style><h1>{year} 年城市生命线监督报告<br><small>Supervision report {year}</small></h1>",
        f"<p>由审计记录自动生成，{now:%Y-%m-%d %H:%M} UTC。演练不计入。<br>"
        "<small>Counted from the audit trail; drills are left out. What stands in the register or is computed "
        "now says so.</small></p>",
        "<h2>各月报警 <small>Alarms by month</small></h2>",
        _bars([found.months[month] for month in range(1, 13)]),
    ]
    for provision in _ORDER:
        lines = [one for one in measures if one.provision is provision]
        parts.append(f"<h2>{provision.value} {escape(WORDS[provision])}</h2><table>")
        parts += [
            f"<tr><td>{escape(one.zh)}<br><small>{escape(one.en)}</small></td><td>{escape(one.value)}</td></tr>"
            for one in lines
        ]
        if not lines:
            parts.append("<tr><td>本年无记录<br><small>nothing recorded</small></td><td>-</td></tr>")
        parts.append("</table>")
        if provision is Provision.P6_2 and ledger:
            heads = ("序", "管段 pipe", "材质 material", "年龄 age", "爆管 breaks", "理由 reasons")
            parts.append("<table><tr>" + "".join(f"<th>{head}</th>" for head in heads) + "</tr>")
            parts += ["<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in line) + "</tr>" for line in ledger]
            parts.append("</table>")
    return "\n".join(parts) + "</html>\n"


def _bars(values: Sequence[int]) -> str:
    most = max([*values, 1])
    bars = []
    for month, value in enumerate(values, start=1):
        height, x = 100 * value / most, 48 * (month - 1) + 8
        bars.append(
            f'<rect x="{x}" y="{115 - height:.1f}" width="32" height="{height:.1f}" fill="#2b6cb0"/>'
            f'<text x="{x + 16}" y="130" text-anchor="middle">{month}月</text>'
            f'<text x="{x + 16}" y="{111 - height:.1f}" text-anchor="middle">{value or ""}</text>'
        )
    return f'<svg viewBox="0 0 584 140" role="img" style="font-size:11px">{"".join(bars)}</svg>'
