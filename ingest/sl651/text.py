"""The body of a report in ASCII: names and data, separated by spaces."""

import re

from ingest.sl651.bcd import SERIES_REPORTS
from ingest.sl651.elements import BY_NAME, POINTS, SERIES_BY_NAME, Element
from ingest.sl651.report import Report, instant_s, malformed
from lifeline.reading import RejectReason

_HEAD = re.compile(r"[0-9A-Fa-f]{4}([0-9]{12})", re.ASCII)
_NUMBER = re.compile(r"(-?)([0-9]{1,18})(?:\.([0-9]{1,9}))?", re.ASCII)
_MISSING = re.compile(r"M+")
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9]{0,15}", re.ASCII)
_STEP = re.compile(r"DR([DHN])([0-9]{2})", re.ASCII)
_STEP_S = {"D": 86_400.0, "H": 3_600.0, "N": 60.0}
_HEX = re.compile(r"(?:[0-9A-Fa-f]{2})+")
_STATION, _TIME, _STATUS = "ST", "TT", "ZT"
_TO_THE_END = {"RGZS": "a text", "PIC": "a picture"}


def read(body: bytes, report: Report, function: int) -> None:
    """Reads a body into `report`. Raises WireError where its beginning or its times are wrong."""
    text = body.decode("ascii", "replace")
    head = _HEAD.match(text)
    if head is None:
        raise malformed("the body does not begin with a serial number and a time")
    report.at_s = instant_s(head[1])
    words = text[head.end() :].split()
    names: list[str] = []
    values = 0
    at = 0
    while at < len(words):
        word = words[at]
        following = words[at + 1] if at + 1 < len(words) else ""
        if word == _STATION:
            report.speak_of(following)
            has_type = len(words) > at + 2 and len(words[at + 2]) == 1
            at += 3 if has_type else 2
        elif word == _TIME:
            report.at_s = instant_s(following)
            names, values = [], 0
            at += 2
        elif word in _TO_THE_END:
            report.fault(RejectReason.NO_VALUE, word, _TO_THE_END[word])
            return
        elif step := _STEP.fullmatch(word):
            report.step_s = int(step[2]) * _STEP_S[step[1]]
            at += 1
        elif function in SERIES_REPORTS and (_is_value(word) or not _NAME.fullmatch(word)):
            # the names stand first, then one value of each for every step
            if not names or not report.step_s:
                raise malformed("a series without a name or a time step")
            step_number, of = divmod(values, len(names))
            _value(names[of], word, report, report.at_s + step_number * report.step_s)
            values += 1
            at += 1
        elif function in SERIES_REPORTS:
            names.append(word)
            at += 1
        else:
            if not _NAME.fullmatch(word):
                raise malformed(f"{word!r:.40} stands where a name is expected")
            _value(word, following, report, report.at_s)
            at += 2


def _is_value(word: str) -> bool:
    return _NUMBER.fullmatch(word) is not None or _MISSING.fullmatch(word) is not None


def _value(name: str, word: str, report: Report, at_s: float) -> None:
    series = SERIES_BY_NAME.get(name)
    if _MISSING.fullmatch(word):
        report.missing(name)
    elif series is not None and _HEX.fullmatch(word) and len(word) == 2 * POINTS * series.bytes_:
        report.points(series, bytes.fromhex(word), at_s=at_s)
    elif name == _STATUS and _HEX.fullmatch(word) and len(word) <= 8:
        report.status(int(word, 16))
    elif (match := _NUMBER.fullmatch(word)) and series is None and name != _STATUS:
        decimals = match[3] or ""
        digits = int(match[2] + decimals)
        report.number(BY_NAME.get(name) or Element(name), -digits if match[1] else digits, len(decimals), at_s=at_s)
    else:
        report.fault(RejectReason.NO_VALUE, name, f"{word!r:.60} is not a value of it")
