"""The supervision report as one HTML page that needs nothing else and prints as it is: Chinese first, plots."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from html import escape

from alerts import supervision_charts as charts
from alerts.supervision import Counted
from alerts.supervision_measures import STEP_WORDS, Extras, Measure, measures, responses
from lifeline.provision import WORDS, Provision

_STYLE = """
@page { size: A4; margin: 18mm 16mm 20mm;
  @bottom-center { content: counter(page) " / " counter(pages); font: 9pt "Noto Sans CJK SC", "WenQuanYi Micro Hei" } }
body { font: 15px/1.5 "Noto Sans CJK SC", "WenQuanYi Micro Hei", "Microsoft YaHei", sans-serif;
  max-width: 60em; margin: 2em auto; color: #1a1a1a }
h1 { font-size: 1.6em } h2 { font-size: 1.1em; margin: 1.6em 0 .3em; break-after: avoid } small { color: #555 }
h3 { font-size: 1em; margin: 1em 0 .3em; break-after: avoid }
table { border-collapse: collapse; width: 100% } tr { break-inside: avoid }
td, th { border-bottom: 1px solid #ccc; padding: .3em .5em; text-align: left; vertical-align: top }
.figures td:last-child { text-align: right; overflow-wrap: anywhere; max-width: 24em }
.ledger { font-size: .85em } svg { display: block; max-width: 100%; height: auto; margin: .5em 0; break-inside: avoid }
.empty { border: 2px solid #c53030; padding: .6em 1em }
@media print { body { font-size: 10pt; margin: 0; max-width: none } }
"""
ORDER = (
    Provision.P6_1, Provision.P6_2, Provision.P6_3, Provision.P6_4, Provision.P6_5, Provision.P6_6, Provision.P11_1,
    Provision.P11_2, Provision.P4_1, Provision.P14_1,
)  # fmt: skip
_LEDGER = ("序", "管段 pipe", "材质 material", "年龄 age", "爆管 breaks", "理由 reasons")


@dataclass(frozen=True, slots=True)
class Report:
    """What the page is written from; `ledger`: rank, pipe, material, age, breaks, reasons; `now` in local time."""

    year: int
    found: Counted
    extras: Extras
    ledger: Sequence[Sequence[str]]
    now: datetime


def page(report: Report) -> str:
    """The page."""
    year, found = report.year, report.found
    figures = measures(found, report.extras)
    parts = [
        f'<!doctype html><html lang="zh-CN"><meta charset="utf-8"><title>{year} 监督报告</title>',
        f"<style>{_STYLE}</style><h1>{year} 年城市生命线监督报告<br><small>Supervision report {year}</small></h1>",
        f"<p>由审计记录自动生成，{report.now:%Y-%m-%d %H:%M %Z}。演练不计入，单列次数。<br>"
        "<small>Counted from the audit trail of the calendar year, local time; drills are counted apart. "
        "What stands in the register or is worked out now says so.</small></p>",
    ]
    if not found.entries:
        parts.append(
            f'<p class="empty">{year} 年审计记录中没有任何条目：以下仅名录数据有值。<br>'
            f"<small>The trail has no entry of {year}: only the registers say something below.</small></p>"
        )
    elif found.opened:
        parts += [*_heading("各月报警（按级别）", "Alarms by month and level"), charts.months(found)]
        parts += [*_heading("各类报警", "Alarms by kind"), charts.by_kind(found)]
        parts += _responses(found)
    for provision in ORDER:
        parts.append(f"<h2>{provision.value} {escape(WORDS[provision])}</h2>")
        parts += _figures([one for one in figures if one.provision is provision])
        if provision is Provision.P6_2 and report.ledger:
            parts += _table(_LEDGER, report.ledger, "ledger")
        if provision is Provision.P6_3 and found.conversion_hours:
            parts.append(
                "<h3>实际（填充）与承诺（框线）小时 <small>actual (filled) and promised (outline)</small></h3>"
            )
            parts.append(charts.conversions(found.conversion_hours))
    return "\n".join(parts) + "</html>\n"


def _responses(found: Counted) -> list[str]:
    lines = responses(found)
    if not lines:
        return []
    heads = ["级别 level", *(f"{zh} {en}" for zh, en in STEP_WORDS.values())]
    said = "中位数 / 90 %，分钟（次数）"
    return [
        *_heading(f"响应时间：{said}", "Response times: median / 90 %, minutes (number)"),
        *_table(heads, lines, "ledger"),
        charts.response_times(found, "answered"),
        charts.response_times(found, "dispatched"),
    ]


def _heading(zh: str, en: str) -> list[str]:
    return [f"<h2>{zh} <small>{en}</small></h2>"]


def _figures(lines: Sequence[Measure]) -> list[str]:
    if not lines:
        return ["<p>本年无记录 <small>nothing recorded</small></p>"]
    rows = (
        f"<tr><td>{escape(one.zh)}<br><small>{escape(one.en)}</small></td><td>{escape(one.value)}</td></tr>"
        for one in lines
    )
    return ['<table class="figures">', *rows, "</table>"]


def _table(heads: Sequence[str], lines: Sequence[Sequence[str]], kind: str) -> list[str]:
    head = "".join(f"<th>{escape(one)}</th>" for one in heads)
    rows = ("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in line) + "</tr>" for line in lines)
    return [f'<table class="{kind}"><thead><tr>{head}</tr></thead>', *rows, "</table>"]
