"""XML of strangers, read safely: no document type, no entities, bounded size; and the little that both forms share."""

import re
from datetime import datetime
from typing import TypeAlias

from lxml import etree

from lifeline.errors import FormError

Element: TypeAlias = etree._Element
LARGEST_BYTES = 4 * 2**20
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff\ud800-\udfff]")


def read(raw: bytes) -> Element:
    """The root of a document. Raises FormError: too large, not XML, with a DOCTYPE or entities."""
    if len(raw) > LARGEST_BYTES:
        raise FormError(f"larger than {LARGEST_BYTES} bytes", advice="send messages one by one")
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False, recover=False)
    try:
        root = etree.fromstring(raw, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise FormError(f"no XML: {error}", advice="send well-formed XML in UTF-8") from error
    info = root.getroottree().docinfo
    if (
        str(getattr(info, "doctype", ""))
        or info.internalDTD is not None
        or any(isinstance(one, etree._Entity) for one in root.iter())
    ):
        raise FormError("has a DOCTYPE or entities", advice="send it without")
    return root


def write(root: Element) -> str:
    """A document as text with its declaration."""
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8", pretty_print=True).decode()


def local(element: Element) -> str:
    """The name of an element without its namespace; empty for comments."""
    return etree.QName(element).localname if isinstance(element.tag, str) else ""


def child(element: Element, name: str) -> Element | None:
    """The first child of a name, in whatever namespace."""
    return next((one for one in element if local(one) == name), None)


def text(element: Element | None, name: str = "") -> str:
    """The text of an element, or of its child `name`, without blanks around it; empty where there is none."""
    found = child(element, name) if name and element is not None else element
    return ("" if found is None else "".join(str(words) for words in found.itertext())).strip()


def clean(words: str) -> str:
    """What XML can carry of a text, without blanks around it: other control characters are left out.

    >>> clean(" a\\x00b\\r\\nc ")
    'ab\\nc'
    """
    return _CONTROL.sub("", words.replace("\r\n", "\n").replace("\r", "\n")).strip()


def instant(words: str, *, what: str, between: str = "T") -> datetime:
    """A time with an offset, in whole seconds. Raises FormError."""
    if not re.fullmatch(rf"\d{{4}}-\d\d-\d\d{between}\d\d:\d\d:\d\d[-+]\d\d:\d\d", words):
        raise FormError(
            f"{what}: {words!r} is no time like 2026-11-23{between}10:00:00+08:00", advice="write the offset"
        )
    try:
        return datetime.fromisoformat(words)
    except ValueError as error:
        raise FormError(f"{what}: {error}", advice="write a day of the calendar") from error
