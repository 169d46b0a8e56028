"""CAP 1.2: bulletins written and read, and the element table of the standard as a validator. Pure.

The table is that of OASIS CAP 1.2 (2010); what its schema does not catch is `bulletin.wrong`.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from lxml import etree

from alerts import markup
from alerts.bulletin import COLOURS, SEVERITIES, URGENCIES, Area, Bulletin, Certainty, MsgType, Reference, Status
from alerts.markup import Element, clean, instant, local, text
from lifeline.alarm import Level
from lifeline.asset import Position
from lifeline.errors import FormError

NAMESPACE = "urn:oasis:names:tc:emergency:cap:1.2"
_GEOCODE = "GB/T 2260"
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[-+]\d\d:\d\d")


@dataclass(frozen=True, slots=True)
class Part:
    """One element: how often, and what it holds: words of a list, a time, any text, or parts of its own."""

    name: str
    least: int
    most: int | None
    holds: tuple[str, ...] | str | tuple["Part", ...] = "text"


def _values(words: str) -> tuple[str, ...]:
    return tuple(words.split())


_PAIR = (Part("valueName", 1, 1), Part("value", 1, 1))
_RESOURCE = (
    Part("resourceDesc", 1, 1), Part("mimeType", 1, 1), Part("size", 0, 1, "whole"), Part("uri", 0, 1),
    Part("derefUri", 0, 1), Part("digest", 0, 1),
)  # fmt: skip
_AREA = (
    Part("areaDesc", 1, 1), Part("polygon", 0, None), Part("circle", 0, None), Part("geocode", 0, None, _PAIR),
    Part("altitude", 0, 1, "number"), Part("ceiling", 0, 1, "number"),
)  # fmt: skip
_INFO = (
    Part("language", 0, 1),
    Part("category", 1, None, _values("Geo Met Safety Security Rescue Fire Health Env Transport Infra CBRNE Other")),
    Part("event", 1, 1),
    Part("responseType", 0, None, _values("Shelter Evacuate Prepare Execute Avoid Monitor Assess AllClear None")),
    Part("urgency", 1, 1, _values("Immediate Expected Future Past Unknown")),
    Part("severity", 1, 1, _values("Extreme Severe Moderate Minor Unknown")),
    Part("certainty", 1, 1, _values("Observed Likely Possible Unlikely Unknown")),
    Part("audience", 0, 1), Part("eventCode", 0, None, _PAIR), Part("effective", 0, 1, "time"),
    Part("onset", 0, 1, "time"), Part("expires", 0, 1, "time"), Part("senderName", 0, 1), Part("headline", 0, 1),
    Part("description", 0, 1), Part("instruction", 0, 1), Part("web", 0, 1), Part("contact", 0, 1),
    Part("parameter", 0, None, _PAIR), Part("resource", 0, None, _RESOURCE), Part("area", 0, None, _AREA),
)  # fmt: skip
ALERT = (
    Part("identifier", 1, 1), Part("sender", 1, 1), Part("sent", 1, 1, "time"),
    Part("status", 1, 1, _values("Actual Exercise System Test Draft")),
    Part("msgType", 1, 1, _values("Alert Update Cancel Ack Error")), Part("source", 0, 1),
    Part("scope", 1, 1, _values("Public Restricted Private")), Part("restriction", 0, 1), Part("addresses", 0, 1),
    Part("code", 0, None), Part("note", 0, 1), Part("references", 0, 1), Part("incidents", 0, 1),
    Part("info", 0, None, _INFO),
)  # fmt: skip
_WHOLE, _NUMBER = re.compile(r"[+-]?\d+"), re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)")
_MATCHES: dict[str, Callable[[str], object]] = {
    "text": lambda words: True,  # noqa: ARG005
    "time": _TIME.fullmatch,
    "whole": _WHOLE.fullmatch,
    "number": _NUMBER.fullmatch,
}


def faults(root: Element) -> list[str]:
    """Every place where a document does not follow the element table; empty where the schema would take it."""
    if root.tag != f"{{{NAMESPACE}}}alert":
        return [f"{root.tag}: the root is alert of {NAMESPACE}"]
    return _faults(root, ALERT, "alert", signed=True)


def _faults(element: Element, table: tuple[Part, ...], path: str, *, signed: bool = False) -> list[str]:
    found: list[str] = []
    place, times = 0, dict.fromkeys((part.name for part in table), 0)
    for one in element:
        name = local(one)
        if not name or (signed and one.tag == "{http://www.w3.org/2000/09/xmldsig#}Signature"):
            continue
        index = next((i for i, part in enumerate(table) if part.name == name), None)
        if index is None or etree.QName(one).namespace != NAMESPACE:
            found.append(f"{path}.{name}: no such element here")
            continue
        if index < place:
            found.append(f"{path}.{name}: stands before {table[place].name}")
        place = max(place, index)
        times[name] += 1
        part = table[index]
        if isinstance(part.holds, tuple) and part.holds and isinstance(part.holds[0], Part):
            found += _faults(one, tuple(p for p in part.holds if isinstance(p, Part)), f"{path}.{name}")
        elif isinstance(part.holds, tuple):
            if text(one) not in part.holds:
                found.append(f"{path}.{name}: one of {', '.join(map(str, part.holds))}, not {text(one)!r}")
        elif not _MATCHES[part.holds](text(one)):
            found.append(f"{path}.{name}: {text(one)!r} is no {part.holds}")
    for part in table:
        if times[part.name] < part.least:
            found.append(f"{path}.{part.name}: is missing")
        if part.most is not None and times[part.name] > part.most:
            found.append(f"{path}.{part.name}: stands {times[part.name]} times")
    return found


def compose(bulletin: Bulletin, *, timezone: str = "Asia/Shanghai") -> str:
    """The message; times are written in `timezone`."""
    zone = ZoneInfo(timezone)

    def at(when: datetime) -> str:
        written = when.astimezone(zone).isoformat(timespec="seconds")
        return written.removesuffix("+00:00") + "-00:00" if written.endswith("+00:00") else written

    root = etree.Element(f"{{{NAMESPACE}}}alert", nsmap={None: NAMESPACE})  # type: ignore[dict-item]  # the stubs know no default namespace
    _add(root, "identifier", bulletin.identifier)
    _add(root, "sender", bulletin.sender)
    _add(root, "sent", at(bulletin.sent))
    _add(root, "status", bulletin.status.value)
    _add(root, "msgType", bulletin.msg_type.value)
    _add(root, "scope", "Public")
    if bulletin.note:
        _add(root, "note", bulletin.note)
    if bulletin.references:
        triples = (f"{one.sender},{one.identifier},{at(one.sent)}" for one in bulletin.references)
        _add(root, "references", " ".join(triples))
    info = _add(root, "info")
    _add(info, "language", "zh-CN")
    _add(info, "category", "Infra")
    _add(info, "event", bulletin.event)
    _add(info, "responseType", "AllClear" if bulletin.msg_type is MsgType.CANCEL else "Avoid")
    _add(info, "urgency", "Past" if bulletin.msg_type is MsgType.CANCEL else URGENCIES[bulletin.level])
    _add(info, "severity", SEVERITIES[bulletin.level])
    _add(info, "certainty", bulletin.certainty.value)
    _pair(info, "eventCode", "lifeline", bulletin.event_code)
    _add(info, "effective", at(bulletin.effective))
    _add(info, "expires", at(bulletin.expires))
    _add(info, "senderName", bulletin.sender_name)
    _add(info, "headline", bulletin.headline)
    _add(info, "description", bulletin.description)
    if bulletin.instruction:
        _add(info, "instruction", bulletin.instruction)
    _pair(info, "parameter", "colour", COLOURS[bulletin.level])
    if bulletin.approved_by:
        _pair(info, "parameter", "approvedBy", bulletin.approved_by)
    area = _add(info, "area")
    _add(area, "areaDesc", bulletin.area.words)
    if bulletin.area.ring:
        _add(area, "polygon", " ".join(f"{p.lat!r},{p.lon!r}" for p in bulletin.area.ring))
    if centre := bulletin.area.centre:
        _add(area, "circle", f"{centre.lat!r},{centre.lon!r} {bulletin.area.radius_m / 1000.0!r}")
    for code in bulletin.area.geocodes:
        _pair(area, "geocode", _GEOCODE, code)
    return markup.write(root)


def parse(raw: bytes) -> Bulletin:
    """A message of this form as `compose` writes it. Raises FormError, which names every element that is wrong."""
    root = markup.read(raw)
    if found := faults(root):
        raise FormError("CAP: " + "; ".join(found), advice="see the element table of CAP 1.2")
    info = markup.child(root, "info")
    area = markup.child(info, "area") if info is not None else None
    if info is None or area is None:
        raise FormError("CAP: a bulletin has info and area", advice="read warnings of others by alerts.weather")
    parameters = _pairs(info, "parameter")
    by_colour = {colour: level for level, colour in COLOURS.items()}
    by_severity = {severity: level for level, severity in SEVERITIES.items()}
    level = by_colour.get(parameters.get("colour", "")) or by_severity.get(text(info, "severity"))
    try:
        return Bulletin(
            identifier=text(root, "identifier"),
            sender=text(root, "sender"),
            sender_name=text(info, "senderName"),
            sent=instant(text(root, "sent"), what="sent"),
            status=Status(text(root, "status")),
            msg_type=MsgType(text(root, "msgType")),
            event=text(info, "event"),
            event_code=_pairs(info, "eventCode").get("lifeline", ""),
            level=Level(level or Level.BLUE),
            certainty=Certainty(text(info, "certainty").replace("Possible", "Unknown")),
            effective=instant(text(info, "effective") or text(root, "sent"), what="effective"),
            expires=instant(text(info, "expires"), what="expires"),
            headline=text(info, "headline"),
            description=text(info, "description"),
            instruction=text(info, "instruction"),
            area=_area(area),
            references=references(text(root, "references")),
            note=text(root, "note"),
            approved_by=parameters.get("approvedBy", ""),
        )
    except ValueError as error:
        raise FormError(
            f"CAP: {error}", advice="a bulletin is Actual, Exercise or Test; Alert, Update or Cancel"
        ) from error


def references(words: str) -> tuple[Reference, ...]:
    """The triples of `references`. Raises FormError."""
    found = []
    for triple in words.split():
        parts = triple.split(",")
        if len(parts) != 3:
            raise FormError(f"references: {triple!r} is no sender,identifier,sent", advice="write triples")
        found.append(Reference(parts[0], parts[1], instant(parts[2], what="references")))
    return tuple(found)


def _area(area: Element) -> Area:
    ring: tuple[Position, ...] = ()
    centre, radius_m = None, 0.0
    try:
        if words := text(area, "polygon"):
            pairs = (pair.split(",") for pair in words.split())
            ring = tuple(Position(float(lon), float(lat)) for lat, lon in pairs)
        if words := text(area, "circle"):
            point, radius_km = words.split()
            lat, lon = point.split(",")
            centre, radius_m = Position(float(lon), float(lat)), round(float(radius_km) * 1000.0, 6)
    except ValueError as error:
        raise FormError(
            f"area: {words!r} is no polygon or circle", advice="lat,lon lat,lon ... or lat,lon km"
        ) from error
    codes = tuple(text(one, "value") for one in area if local(one) == "geocode" and text(one, "valueName") == _GEOCODE)
    return Area(text(area, "areaDesc"), codes, ring, centre, radius_m)


def _pairs(element: Element, name: str) -> dict[str, str]:
    return {text(one, "valueName"): text(one, "value") for one in element if local(one) == name}


def _add(parent: Element, name: str, words: str | None = None) -> Element:
    made = etree.SubElement(parent, f"{{{NAMESPACE}}}{name}")
    if words is not None:
        made.text = clean(words)
    return made


def _pair(parent: Element, name: str, key: str, value: str) -> None:
    made = _add(parent, name)
    _add(made, "valueName", key)
    _add(made, "value", value)
