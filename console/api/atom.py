"""A feed of public messages as Atom (RFC 4287): each entry names its event, leads to the CAP message and says what it
serves. Pure.

In the feed of what is in force an entry stands for an event and keeps its id while messages update it; in the history
each message is an entry of its own.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import quote

from lxml import etree

from lifeline.alarm import Level
from lifeline.provision import WORDS, Provision
from lifeline.store.bulletins import Entry

MEDIA_TYPE = "application/atom+xml"
CAP_MEDIA_TYPE = "application/cap+xml"
ATOM = "http://www.w3.org/2005/Atom"
CAP = "urn:oasis:names:tc:emergency:cap:1.2"
NEVER = datetime(1970, 1, 1, tzinfo=UTC)
"""`updated` of a feed that has never had a message: RFC 4287 wants a time."""
_MARKS = {"Exercise": "【演练 Exercise】", "Test": "【测试 Test】"}
_COLOURS = {
    Level.RED: "红色 red", Level.ORANGE: "橙色 orange", Level.YELLOW: "黄色 yellow", Level.BLUE: "蓝色 blue",
}  # fmt: skip
_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
Element = etree._Element


@dataclass(frozen=True, slots=True)
class Heading:
    """What the feed says of itself. `base`: address of the folder of messages; `self_url`: of the feed as asked for."""

    feed_id: str
    author: str
    base: str
    self_url: str
    next_url: str | None
    updated: datetime
    history: bool


def feed(heading: Heading, entries: Sequence[Entry]) -> bytes:
    """The document, UTF-8; entries in the order given."""
    root = etree.Element(f"{{{ATOM}}}feed", nsmap={None: ATOM, "cap": CAP})  # type: ignore[dict-item]  # the stubs know no default namespace
    root.set("{http://www.w3.org/XML/1998/namespace}lang", "zh-CN")
    _add(root, "id", heading.feed_id)
    _add(
        root,
        "title",
        "预警信息历史 Public warnings, all" if heading.history else "生效预警信息 Public warnings in force",
    )
    _add(root, "updated", _time(heading.updated))
    _add(_add(root, "author"), "name", heading.author)
    _add(root, "link", rel="self", type=MEDIA_TYPE, href=heading.self_url)
    if heading.next_url:
        _add(root, "link", rel="next", type=MEDIA_TYPE, href=heading.next_url)
    for one in entries:
        _entry(root, one, heading)
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8")


def title(entry: Entry) -> str:
    """The headline; what is not meant says so first, in both languages.

    >>> from dataclasses import fields
    >>> blank = dict.fromkeys((field.name for field in fields(Entry)), "")
    >>> title(Entry(**(blank | {"status": "Exercise", "headline": "【演练】积水"})))  # type: ignore[arg-type]
    '【演练 Exercise】积水'
    """
    return _MARKS.get(entry.status, "") + re.sub(r"^(【(演练|测试)】)+", "", entry.headline)


def _entry(root: Element, one: Entry, heading: Heading) -> None:
    made = _add(root, "entry")
    _add(made, "id", f"urn:lifeline:warning:{quote(one.identifier if heading.history else one.chain, safe='')}")
    _add(made, "title", title(one))
    _add(made, "updated", _time(one.sent))
    _add(made, "published", _time(one.sent if heading.history else one.first_sent))
    _add(made, "summary", one.description)
    href = f"{heading.base}{quote(one.identifier, safe='')}.xml"
    _add(made, "link", rel="alternate", type=CAP_MEDIA_TYPE, href=href)
    for provision in one.provisions:
        _category(made, "provision", provision, WORDS[Provision(provision)])
    _category(made, "level", one.level.name.lower(), _COLOURS[one.level])
    _category(made, "city", one.city_code)
    for name, value in (
        ("identifier", one.identifier),
        ("sender", one.sender),
        ("sent", _cap_time(one.sent)),
        ("status", one.status),
        ("msgType", one.msg_type),
        ("event", one.event),
        ("expires", _cap_time(one.expires)),
    ):
        _add(made, name, value, namespace=CAP)


def _category(parent: Element, scheme: str, term: str, label: str = "") -> None:
    _add(parent, "category", scheme=f"urn:lifeline:{scheme}", term=term, **({"label": label} if label else {}))


def _add(parent: Element, name: str, words: str | None = None, *, namespace: str = ATOM, **attributes: str) -> Element:
    made = etree.SubElement(parent, f"{{{namespace}}}{name}", {k: _clean(v) for k, v in attributes.items()})
    if words is not None:
        made.text = _clean(words)
    return made


def _clean(words: str) -> str:
    return _NOT_XML.sub("\ufffd", words)


def _time(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _cap_time(at: datetime) -> str:
    """UTC as CAP 1.2 writes it, which takes no Z."""
    return at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "-00:00")
