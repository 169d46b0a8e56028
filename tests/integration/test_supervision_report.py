"""The yearly report from a made-up year of the trail: figures, plots, both files; and a year without anything."""

import re
import shutil
import zlib
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from alerts import shelters_rules, supervision_pdf
from alerts.supervision_page import ORDER, page
from alerts.supervision_record import report
from lifeline.city.pack import load
from lifeline.errors import InstallError
from lifeline.store import audit, cities
from lifeline.store.pool import Store
from simulators.packs import PACKS

YEAR = 2026
NOW = datetime(2026, 12, 31, 12, tzinfo=UTC)
RULES = shelters_rules.load(shelters_rules.BUILT_IN)
_FULL = {"acknowledge": 2, "dispatch": 4, "accept": 6, "arrive": 20, "mitigate": 100, "verify": 130, "close": 131}


def _say(store: Store, at: datetime, action: str, subject: str, who: str = "王芳", **detail: Any) -> None:
    audit.record(store, who=who, action=action, subject=subject, detail=detail, at=at)


def _alarm(store: Store, number: int, at: datetime, kind: str, level: int, steps: Mapping[str, float], of: str) -> None:
    about: dict[str, Any] = {"kind": kind, "level": level, "city_code": "220100", "of": of}
    _say(store, at, "alarm.open", f"alarm:{number}", who="system:alerts", **about)
    for step, minutes in steps.items():
        _say(store, at + timedelta(minutes=minutes), f"alarm.{step}", f"alarm:{number}", **about)


def made_up_year(store: Store) -> None:
    """Forty alarms, a conversion that was late, an evacuation, a drill; two acts of the years before and after."""
    start = datetime(YEAR, 1, 1, 2, tzinfo=UTC)
    for number in range(1, 41):
        kind, level = ("burst", "flood", "leak", "sensor-silent")[number % 4], 1 + number % 4
        steps = _FULL if number % 3 else {"acknowledge": 9.0, "cancel": 30.0}
        _alarm(store, number, start + timedelta(days=9 * number), kind, level, steps, f"{kind}:{number}")
    july = datetime(YEAR, 7, 20, 8, tzinfo=UTC)
    _alarm(store, 50, july, "flood-expected", 3, {"acknowledge": 1}, "flood-expected:CC-WD-03")
    _alarm(store, 51, july + timedelta(minutes=40), "flood", 1, _FULL, "flood:CC-WD-03")
    _say(store, july, "shelter.convert", "shelter:CC-SH-1", promised_hours=6.0, exercise=True)
    _say(store, july, "shelter.convert", "shelter:CC-SH-1", promised_hours=6.0)
    _say(store, july + timedelta(hours=7), "shelter.conversion-done", "shelter:CC-SH-1")
    _say(store, july, "evacuation.order", "evacuation:1")
    _say(store, july, "evacuation.plan", "evacuation:1", people=900, unassigned=7)
    _say(store, july, "drill.end", "drill:1", scorecard=[{"met": True}, {"met": False}])
    _alarm(store, 60, july, "burst", 1, _FULL, "drill:1:burst")
    # new year's eve in local time is already the next year in Changchun
    for at in (datetime(YEAR - 1, 12, 31, 15, 59, tzinfo=UTC), datetime(YEAR, 12, 31, 16, 1, tzinfo=UTC)):
        _alarm(store, 70 + at.day % 2 + at.year % 2, at, "burst", 1, {}, "burst:x")


@pytest.fixture
def demo_cities(store: Store) -> None:
    for folder in PACKS[:2]:
        cities.load_pack(store, load(folder), now=NOW)


@pytest.mark.usefixtures("demo_cities")
def test_a_year_in_figures_and_plots(store: Store) -> None:
    made_up_year(store)
    written = page(report(store, RULES, YEAR, NOW))
    said = dict(re.findall(r"<tr><td>[^<]*<br><small>([^<]*)</small></td><td>([^<]*)</td></tr>", written))
    assert said["alarms opened"] == "42"
    assert (said["of which burst"], said["of which flood-expected"]) == ("10", "1")
    assert said["alarm to answer, median"] == "2.0 min (n = 42)"
    assert said["alarm to dispatch, median"] == "4.0 min (n = 28)"
    assert said["closed with a full record"] == "100.0% (28 / 28)"
    assert said["conversions ordered"] == "1", "what was exercised is not counted"
    assert said["actual minus promised, median"] == "+1.00 h"
    assert said["people planned / without a place"] == "900 / 7"
    assert said["steps of drills within their limit"] == "50.0% (1 / 2)"
    assert said["flood alarms with a warning before at the same place"] == "9.1% (1 / 11)"
    assert said["lead of the warning, median"] == "40.0 min (n = 1)"
    assert said["the trail verifies"] == "完整 / sound"
    assert all(f"{provision.value} " in written for provision in ORDER)
    assert written.count("<svg") == 5, "months, kinds, answers, dispatches, conversions"
    assert "长春 1" in written, "the renewal ledger"
    if shutil.which("fc-list") is None:
        pytest.skip("no fontconfig: no PDF")
    made = supervision_pdf.pdf(written)
    assert made.startswith(b"%PDF-")
    streams = (zlib.decompressobj().decompress(part) for part in re.findall(rb"stream\r?\n(x.*?)endstream", made, re.S))
    fonts = set(re.findall(rb"/FontName\s*/([^\s/<>]+)", made + b"".join(streams)))
    assert any(b"CJK" in font or b"WenQuanYi" in font for font in fonts), fonts


def test_an_empty_year_says_so(store: Store) -> None:
    written = page(report(store, RULES, YEAR, NOW))
    assert "没有任何条目" in written
    assert "<svg" not in written


def test_without_a_chinese_font_there_is_no_pdf_of_empty_boxes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: None)
    with pytest.raises(InstallError, match="fonts-"):
        supervision_pdf.pdf("<p>报告")
