"""The report of a trained flood model: one page of HTML and two pictures, readable without any network."""

from collections.abc import Sequence
from datetime import datetime
from html import escape
from pathlib import Path
from typing import Any

import numpy as np

from detect.flood.judged import Worth
from detect.flood.simulated import Judgement
from lifeline.errors import SimulationError

_STYLE = """body{font:15px/1.5 system-ui,sans-serif;max-width:60em;margin:2em auto;padding:0 1em;color:#1b2733}
table{border-collapse:collapse;margin:1em 0}td,th{padding:.25em .8em;border-bottom:1px solid #ccd5dd;text-align:right}
td:first-child,th:first-child{text-align:left}img{max-width:100%}
caption{text-align:left;font-weight:600;padding:.4em 0}"""


def write_report(folder: Path, judgement: Judgement, notes: Sequence[str], *, made_at: datetime) -> None:
    """`report.html`, `reliability.png`, `lead.png` in `folder`. Raises SimulationError where matplotlib is missing."""
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise SimulationError("matplotlib is not installed", advice="pip install 'lifeline[train]'") from error
    _reliability(Figure(figsize=(6, 5), layout="constrained"), judgement.worths).savefig(
        folder / "reliability.png", dpi=110
    )
    _lead(Figure(figsize=(6, 4), layout="constrained"), judgement.worths).savefig(folder / "lead.png", dpi=110)
    blocks = [
        _scores("Floods: place by place and storm by storm, 15 cm within 60 minutes", judgement.worths, "floods"),
        _scores("Forecasts of places that are not there yet", judgement.worths, "forecasts"),
        _scores("Forecasts, with places that are there already", judgement.worths, "standing"),
        _scores("The same, since the first rain", judgement.worths, "raining"),
        _levels(judgement.worths),
    ]
    head = judgement.table().splitlines()[0]
    page = f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Flood model {escape(judgement.model)}</title>
<style>{_STYLE}</style></head>
<body><h1>Flood model of {escape(judgement.model)}</h1>
<p>{escape(made_at.isoformat(timespec="seconds"))}. {escape(head)}.</p>
{"".join(f"<p>{escape(note)}</p>" for note in notes)}
{"".join(blocks)}
<h2>Reliability</h2><p>Of forecasts of one probability, how many came true.</p>
<img src="reliability.png" alt="reliability">
<h2>Lead time</h2><p>From the first warning within the hour to 15 cm; 0: not warned of.</p>
<img src="lead.png" alt="lead">
</body></html>
"""
    (folder / "report.html").write_text(page, encoding="utf-8")


def _scores(title: str, worths: dict[str, Worth], of: str) -> str:
    rows = []
    for way, w in worths.items():
        s = getattr(w, of)
        lead = f"{w.lead_median_min:.0f} min" if of == "floods" else ""
        cells = [way, s.cases, s.happened, _two(s.pod), _two(s.far), _two(s.csi), lead]
        rows.append("<tr>" + "".join(f"<td>{escape(str(c))}</td>" for c in cells) + "</tr>")
    head = "<tr><th></th><th>cases</th><th>happened</th><th>POD</th><th>FAR</th><th>CSI</th><th>median lead</th></tr>"
    return f"<table><caption>{escape(title)}</caption>{head}{''.join(rows)}</table>"


def _levels(worths: dict[str, Worth]) -> str:
    ways = list(worths)
    rows = []
    for name in worths[ways[0]].by_level:
        cells = [name, *(_two(worths[way].by_level[name].csi) for way in ways)]
        rows.append("<tr>" + "".join(f"<td>{escape(c)}</td>" for c in cells) + "</tr>")
    head = "<tr><th></th>" + "".join(f"<th>{escape(way)}</th>" for way in ways) + "</tr>"
    return f"<table><caption>CSI by level and horizon, not there yet</caption>{head}{''.join(rows)}</table>"


def _reliability(figure: Any, worths: dict[str, Worth]) -> Any:
    axes = figure.subplots()
    axes.plot([0, 1], [0, 1], color="0.7", linewidth=1)
    for way in list(worths)[:3]:
        bins = worths[way].bins
        axes.plot([b.forecast for b in bins], [b.happened for b in bins], marker="o", label=way)
    axes.set(xlabel="forecast probability", ylabel="share that happened", xlim=(0, 1), ylim=(0, 1))
    axes.legend()
    return figure


def _lead(figure: Any, worths: dict[str, Worth]) -> Any:
    axes = figure.subplots()
    for way, w in worths.items():
        if w.lead_min:
            leads = np.sort(w.lead_min)[::-1]
            axes.step(leads, np.arange(1, len(leads) + 1) / len(leads), where="post", label=way)
    axes.set(xlabel="lead, min", ylabel="share of floods warned at least so early", xlim=(60, 0), ylim=(0, 1))
    axes.legend()
    return figure


def _two(value: float) -> str:
    return "-" if np.isnan(value) else f"{value:.3f}"
