"""The words of alarms and notices, Chinese first and English, from the catalogue text.toml. Pure."""

import math
import string
import tomllib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any, Literal
from zoneinfo import ZoneInfo

from lifeline.alarm import Alarm, AlarmAction
from lifeline.asset import Name
from lifeline.finding import Finding
from lifeline.provision import WORDS

Language = Literal["zh", "en"]
LANGUAGES: tuple[Language, ...] = ("zh", "en")
CATALOGUE = Path(__file__).with_name("text.toml")
GOOD_NEWS = frozenset({AlarmAction.CLEAR, AlarmAction.CANCEL})
"""Events that say that it is over."""
LONGEST_LIST = 30
"""Alarms of a notice that are written out; the console has all."""
TITLE_LIMIT = 160
"""Characters of a title; CAP asks for a headline no longer."""


@dataclass(frozen=True, slots=True)
class Scene:
    """Where it happens, in words, and in which local time."""

    city: Name
    timezone: str
    zone: Name | None
    sensor: Name | None


@dataclass(frozen=True, slots=True)
class Happening:
    """What a notice tells: an event of an alarm, with the newest finding about it."""

    alarm: Alarm
    action: AlarmAction
    reason: str
    actor: str
    note: str
    at: datetime
    finding: Finding | None
    scene: Scene
    level_reason: str = ""
    link: str = ""
    """where people act on the alarm; may be empty"""


@cache
def catalogue(language: Language) -> dict[str, Any]:
    """The words of one language."""
    words: dict[str, Any] = tomllib.loads(CATALOGUE.read_text(encoding="utf-8"))[language]
    return words


def title(finding: Finding, scene: Scene) -> Name:
    """What the alarm is called: place, kind, size; one line, TITLE_LIMIT characters at the most."""
    return Name(*(_title(finding, scene, language) for language in LANGUAGES))


def subject_line(
    happenings: Sequence[Happening], language: Language, *, called: bool = False, follows: bool = False
) -> str:
    """The first line of a notice about these events, the gravest first: level or event, and the title or the count.
    `called`: it goes to the next one in the line, since nobody answered; `follows`: it adds to an earlier one."""
    lead = catalogue(language)["call"]["subject"] if called else ""
    lead += catalogue(language)["digest"]["follows"] if follows else ""
    if len(happenings) == 1:
        return _line(lead + _headline(happenings[0], language))
    words = catalogue(language)["digest"]
    first, bad = happenings[0], [one for one in happenings if one.action not in GOOD_NEWS]
    given = {
        "city": _pick(first.scene.city, language),
        "kind": catalogue(language)["kind"][_kind_of(happenings)],
        "number": len(bad or happenings),
    }
    if not bad:
        event = catalogue(language)["event"][first.action.value]
        return _line(lead + words["good"].format(event=event, **given))
    counts = Counter(one.alarm.level for one in bad)
    counted = (
        words["count"].format(colour=words["colour"][level.name.lower()], number=counts[level])
        for level in sorted(counts)
    )
    level = catalogue(language)["level"][first.alarm.level.name.lower()]
    return _line(lead + words["bad"].format(level=level, counts=catalogue(language)["list"].join(counted), **given))


def body(
    happenings: Sequence[Happening],
    language: Language,
    *,
    called: bool = False,
    follows: bool = False,
    answer_url: str = "",
) -> str:
    """The whole notice as lines of text: one event in full, or several in short, each with its link.

    Of a storm the gravest are written out, LONGEST_LIST at the most, and the rest counted.
    """
    call = catalogue(language)["call"]
    if len(happenings) == 1:
        told = _full(happenings[0], language)
    else:
        words = catalogue(language)["digest"]
        lines = [subject_line(happenings, language, follows=follows), words["lead"], ""]
        for number, one in enumerate(happenings[:LONGEST_LIST], start=1):
            lines.append(f"{number}. {_headline(one, language)}")
            lines += [f"   {line}" for line in _short(one, language)]
        if len(happenings) > LONGEST_LIST:
            lines.append(words["more"].format(number=len(happenings) - LONGEST_LIST))
        told = "\n".join(lines) + "\n"
    if called:
        told = f"{call['lead']}\n{told}"
    return f"{told}{call['answer'].format(url=answer_url)}\n" if answer_url else told


def _kind_of(happenings: Sequence[Happening]) -> str:
    kinds = {one.alarm.kind.value for one in happenings}
    return kinds.pop() if len(kinds) == 1 else "mixed"


def _headline(happening: Happening, language: Language) -> str:
    words = catalogue(language)
    alarm, action = happening.alarm, happening.action
    name = alarm.title_zh if language == "zh" else alarm.title_en
    level = words["level"][alarm.level.name.lower()]
    event = words["event"].get(action.value, action.value)
    if action is AlarmAction.OPEN:
        event = level
    elif action not in GOOD_NEWS:
        event = f"{level} {event}"
    return _line(words["subject_line"].format(event=event, title=name))


def _full(happening: Happening, language: Language) -> str:
    words = catalogue(language)
    line, lead = words["line"], words["lead"]
    alarm, finding, scene = happening.alarm, happening.finding, happening.scene
    lines = [
        _headline(happening, language),
        lead.get(f"{happening.action.value}_{happening.reason}") or lead.get(happening.action.value, ""),
        "",
        line["level"].format(
            level=words["level"][alarm.level.name.lower()], reason=happening.level_reason or happening.reason
        ),
        line["place"].format(place=_place(scene, language), city=_pick(scene.city, language)),
    ]
    if alarm.position is not None:
        lines.append(line["position"].format(lon=alarm.position.lon, lat=alarm.position.lat))
    if finding is not None and happening.action not in GOOD_NEWS and _size(finding, language):
        lines.append(line["size"].format(size=_size(finding, language)))
    lines += _times(happening, language)
    lines.append(line["probability"].format(probability=alarm.probability))
    if finding is not None and finding.candidates:
        named = [
            line["candidate"].format(asset=candidate.asset_id, probability=candidate.probability)
            for candidate in finding.candidates[:3]
        ]
        lines.append(line["candidates"].format(candidates=words["list"].join(named)))
    for provision in alarm.provisions:
        quoted = f"{provision.value} “{WORDS[provision]}”" if language == "zh" else provision.value
        lines.append(line["provision"].format(provision=quoted))
    lines += _said(happening, language)
    lines.append(line["number"].format(alarm_id=alarm.alarm_id, version=alarm.version))
    return "\n".join(lines) + "\n"


def _short(happening: Happening, language: Language) -> list[str]:
    return [*_times(happening, language), *_said(happening, language)]


def _times(happening: Happening, language: Language) -> list[str]:
    line, alarm, timezone = catalogue(language)["line"], happening.alarm, happening.scene.timezone
    zone = ZoneInfo(timezone)
    lines = [line["began"].format(began=_local(alarm.began_at, zone), timezone=timezone)]
    if alarm.cleared_at is not None:
        lines.append(line["ended"].format(ended=_local(alarm.cleared_at, zone), timezone=timezone))
    return lines


def _said(happening: Happening, language: Language) -> list[str]:
    """Who did it and what they said, and where to act."""
    line = catalogue(language)["line"]
    lines = []
    if not happening.actor.startswith("system:"):
        lines.append(line["actor"].format(actor=happening.actor))
    if happening.note:
        lines.append(line["note"].format(note=happening.note))
    if happening.link:
        lines.append(line["link"].format(link=happening.link))
    return lines


def fields(template: str) -> set[str]:
    """The names in braces of a catalogue entry."""
    return {name for _, name, _, _ in string.Formatter().parse(template) if name}


def _title(finding: Finding, scene: Scene, language: Language) -> str:
    words = catalogue(language)
    size = _size(finding, language)
    return _line(
        words["title"][finding.kind.value].format(
            place=_place(scene, language), size=f" {size}" if size else "", subject=finding.subject
        )
    )


def _place(scene: Scene, language: Language) -> str:
    name = scene.sensor or scene.zone or scene.city
    return _pick(name, language) or str(catalogue(language)["unknown_place"])


def _size(finding: Finding, language: Language) -> str:
    words = catalogue(language)
    if finding.depth_m is not None and math.isfinite(finding.depth_m):
        return str(words["size_depth"].format(cm=finding.depth_m * 100))
    if finding.flow_m3_per_h is not None and math.isfinite(finding.flow_m3_per_h):
        return str(words["size_flow"].format(flow=finding.flow_m3_per_h))
    return ""


def _pick(name: Name, language: Language) -> str:
    return name.zh if language == "zh" else name.en


def _line(text: str) -> str:
    joined = " ".join(text.split())
    return joined if len(joined) <= TITLE_LIMIT else joined[: TITLE_LIMIT - 1] + "…"


def _local(at: datetime, zone: ZoneInfo) -> str:
    return f"{at.astimezone(zone):%Y-%m-%d %H:%M:%S}"
