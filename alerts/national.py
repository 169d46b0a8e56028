"""The form of the national early-warning system (12379): bulletins written and read. Pure.

The form's own text was not at hand: names and values are those of public descriptions (docs/alarms.md); compare them
with the copy that the issuing centre hands out before the first Actual message. What the form cannot carry is left out:
the earlier messages but the first, the event in words, and the urgency, which it does not use (`project`).
"""

from dataclasses import replace
from datetime import datetime
from zoneinfo import ZoneInfo

from lxml import etree

from alerts import markup
from alerts.bulletin import COLOURS, Area, Bulletin, Certainty, MsgType, Reference, Status
from alerts.markup import Element, clean, instant, local, text
from lifeline.alarm import Level
from lifeline.asset import Position
from lifeline.errors import FormError

ROOT = "alert"
_REQUIRED = ("identifier", "sender", "senderCode", "sendTime", "status", "msgType", "scope", "info")
_REQUIRED_INFO = ("eventType", "severity", "certainty", "effective", "senderName", "headline", "description")
_TAGS = {"Red": "RED", "Orange": "ORANGE", "Yellow": "YELLOW", "Blue": "BLUE"}
_UNKNOWN_SENT = datetime.fromisoformat("1970-01-01T00:00:00+00:00")


def compose(bulletin: Bulletin, *, sender_code: str, timezone: str = "Asia/Shanghai") -> str:
    """The message. `sender_code`: 14 digits of the issuing unit; times are written in `timezone`."""
    zone = ZoneInfo(timezone)

    def at(when: datetime) -> str:
        return when.astimezone(zone).isoformat(sep=" ", timespec="seconds")

    root = etree.Element(ROOT)
    _add(root, "identifier", bulletin.identifier)
    _add(root, "sender", bulletin.sender)
    _add(root, "senderCode", sender_code)
    _add(root, "sendTime", at(bulletin.sent))
    _add(root, "status", bulletin.status.value)
    _add(root, "msgType", bulletin.msg_type.value)
    _add(root, "scope", "Public")
    _add(root, "secClassification", "None")
    if bulletin.note:
        _add(root, "note", bulletin.note)
    if bulletin.references:
        _add(root, "references", bulletin.chain)
    info = _add(root, "info")
    _add(info, "language", "zh-CN")
    _add(info, "eventType", bulletin.event_code)
    _add(info, "urgency", "Unknown")
    _add(info, "severity", COLOURS[bulletin.level])
    _add(info, "certainty", bulletin.certainty.value)
    _add(info, "effective", at(bulletin.effective))
    _add(info, "expires", at(bulletin.expires))
    _add(info, "senderName", f"{bulletin.sender_name} {bulletin.approved_by}")
    _add(info, "headline", bulletin.headline)
    _add(info, "description", bulletin.description)
    if bulletin.instruction:
        _add(info, "instruction", bulletin.instruction)
    area = _add(info, "area")
    _add(area, "areaDesc", bulletin.area.words)
    if bulletin.area.ring:
        _add(area, "polygon", " ".join(f"{p.lat!r},{p.lon!r}" for p in bulletin.area.ring))
    if centre := bulletin.area.centre:
        _add(area, "circle", f"{centre.lat!r},{centre.lon!r} {bulletin.area.radius_m!r}")
    _add(area, "geocode", ",".join(bulletin.area.geocodes))
    return markup.write(root)


def project(bulletin: Bulletin) -> Bulletin:
    """What the form carries of a bulletin: of the earlier messages the first one's identifier only; who signed stands
    behind the unit."""
    first = bulletin.references[:1]
    known = tuple(Reference(bulletin.sender, one.identifier, _UNKNOWN_SENT) for one in first)
    signed = f"{bulletin.sender_name} {bulletin.approved_by}".strip()
    return replace(bulletin, references=known, event="", sender_name=signed, approved_by="")


def parse(raw: bytes) -> Bulletin:
    """A message of this form. Raises FormError, which names every element that is missing or wrong."""
    root = markup.read(raw)
    info = markup.child(root, "info")
    missing = [name for name in _REQUIRED if markup.child(root, name) is None]
    missing += [f"info.{name}" for name in _REQUIRED_INFO if info is None or markup.child(info, name) is None]
    if missing or info is None:
        raise FormError(f"national form: {', '.join(missing)} missing", advice="see docs/alarms.md, national form")
    by_colour = {colour: level for level, colour in COLOURS.items()}
    area = markup.child(info, "area")
    if area is None:
        area = markup.child(root, "area")
    try:
        sender = text(root, "sender")
        first = text(root, "references")
        return Bulletin(
            identifier=text(root, "identifier"),
            sender=sender,
            sender_name=text(info, "senderName"),
            sent=instant(text(root, "sendTime"), what="sendTime", between=" "),
            status=Status(text(root, "status")),
            msg_type=MsgType(text(root, "msgType")),
            event="",
            event_code=text(info, "eventType"),
            level=Level(by_colour.get(text(info, "severity"), Level.BLUE)),
            certainty=Certainty(text(info, "certainty").replace("VeryLikely", "Likely") or "Unknown"),
            effective=instant(text(info, "effective"), what="effective", between=" "),
            expires=instant(text(info, "expires") or text(info, "effective"), what="expires", between=" "),
            headline=text(info, "headline"),
            description=text(info, "description"),
            instruction=text(info, "instruction"),
            area=_area(area),
            references=(Reference(sender, first, _UNKNOWN_SENT),) if first else (),
            note=text(root, "note"),
        )
    except ValueError as error:
        raise FormError(f"national form: {error}", advice="see docs/alarms.md, national form") from error


def file_name(bulletin: Bulletin, *, sender_code: str, timezone: str = "Asia/Shanghai") -> str:
    """The name under which the form is handed over, in capitals."""
    stamp = f"{bulletin.sent.astimezone(ZoneInfo(timezone)):%Y%m%d%H%M%S}"
    colour = _TAGS[COLOURS[bulletin.level]]
    return f"{sender_code}_{stamp}_{bulletin.event_code}_{colour}_{bulletin.msg_type.value.upper()}.XML"


def _area(area: Element | None) -> Area:
    if area is None:
        return Area("", ())
    ring: tuple[Position, ...] = ()
    centre, radius_m = None, 0.0
    words = ""
    try:
        if words := text(area, "polygon"):
            ring = tuple(Position(float(lon), float(lat)) for lat, lon in (p.split(",") for p in words.split()))
        if words := text(area, "circle"):
            point, radius = words.split()
            lat, lon = point.split(",")
            centre, radius_m = Position(float(lon), float(lat)), float(radius)
    except ValueError as error:
        raise FormError(
            f"area: {words!r} is no polygon or circle", advice="lat,lon lat,lon ... or lat,lon m"
        ) from error
    codes = [code.strip() for one in area if local(one) == "geocode" for code in text(one).split(",")]
    return Area(text(area, "areaDesc"), tuple(code for code in codes if code), ring, centre, radius_m)


def _add(parent: Element, name: str, words: str | None = None) -> Element:
    made = etree.SubElement(parent, name)
    if words is not None:
        made.text = clean(words)
    return made
