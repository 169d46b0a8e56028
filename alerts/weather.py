"""Weather warnings of others, from CAP 1.2 or the national form, as the policy hears them. Pure."""

import tomllib
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path

from alerts import cap, markup, national
from alerts.bulletin import COLOURS, SEVERITIES
from alerts.markup import Element, instant, local, text
from lifeline.alarm import Level
from lifeline.errors import FormError
from lifeline.warning import Hazard, WeatherWarning

_WITHOUT_END = timedelta(hours=24)
"""How long a warning counts that does not say when it ends."""
_CHINESE = {"红": Level.RED, "橙": Level.ORANGE, "黄": Level.YELLOW, "蓝": Level.BLUE}


def read(raw: bytes) -> WeatherWarning:
    """The warning in a message. Raises FormError: not of either form, a hidden entity, no colour, no area code."""
    root = markup.read(raw)
    if root.tag == f"{{{cap.NAMESPACE}}}alert":
        return _from_cap(root)
    if local(root) in {"alert", "actual", "test", "exercise"} and markup.child(root, "sendTime") is not None:
        return _from_national(root, raw)
    raise FormError(f"{root.tag}: neither CAP 1.2 nor the national form", advice="give the message as it was received")


@cache
def _hazards() -> dict[Hazard, tuple[tuple[str, ...], tuple[str, ...]]]:
    table = tomllib.loads(Path(__file__).with_name("hazards.toml").read_text(encoding="utf-8"))["hazard"]
    return {Hazard(name): (tuple(one["codes"]), tuple(one["words"])) for name, one in table.items()}


def hazard_of(codes: list[str], words: str) -> Hazard:
    """What a message warns of, by its event code, else by words of its event or headline.

    >>> hazard_of(["11B03"], "").value, hazard_of([], "长春市发布暴雨橙色预警").value
    ('rainstorm', 'rainstorm')
    """
    for hazard, (known, _) in _hazards().items():
        if set(known) & set(codes):
            return hazard
    for hazard, (_, names) in _hazards().items():
        if any(name in words.lower() for name in names):
            return hazard
    return Hazard.OTHER


def _level(colour: str, severity: str, headline: str) -> Level:
    for level, name in COLOURS.items():
        if colour.lower().startswith(name.lower()):
            return level
    for word, level in _CHINESE.items():
        if f"{word}色" in (colour or headline):
            return level
    for level, name in SEVERITIES.items():
        if severity == name:
            return level
    raise FormError("no colour and no severity", advice="a warning without a level changes no policy")


def _from_cap(root: Element) -> WeatherWarning:
    if found := cap.faults(root):
        raise FormError("CAP: " + "; ".join(found), advice="see the element table of CAP 1.2")
    infos = [one for one in root if local(one) == "info"]
    sent = instant(text(root, "sent"), what="sent")
    msg_type = text(root, "msgType")
    chosen = next((one for one in infos if text(one, "language").startswith("zh")), infos[0] if infos else None)
    earlier = tuple(one.identifier for one in cap.references(text(root, "references")))
    if chosen is None:
        if msg_type != "Cancel":
            raise FormError("CAP: a warning without info says nothing", advice="ask the sender")
        return _ended(root, sent, earlier)
    parameters = {text(p, "valueName").lower(): text(p, "value") for p in chosen if local(p) == "parameter"}
    colour = next((value for key, value in parameters.items() if "colo" in key or "颜色" in key), "")
    codes = [text(one, "value") for one in chosen if local(one) == "eventCode"]
    words = f"{text(chosen, 'event')} {text(chosen, 'headline')}"
    areas = [
        code
        for area in chosen
        if local(area) == "area"
        for geocode in area
        if local(geocode) == "geocode"
        for code in text(geocode, "value").split(",")
    ]
    effective = text(chosen, "onset") or text(chosen, "effective")
    expires = text(chosen, "expires")
    return _warning(
        identifier=text(root, "identifier"),
        sender=text(root, "sender"),
        status=text(root, "status"),
        msg_type=msg_type,
        sent=sent,
        effective=instant(effective, what="effective") if effective else sent,
        expires=instant(expires, what="expires") if expires else sent + _WITHOUT_END,
        hazard=hazard_of(codes, words),
        level=_level(colour, text(chosen, "severity"), text(chosen, "headline")),
        areas=areas,
        headline=text(chosen, "headline") or text(chosen, "event"),
        references=earlier,
    )


def _from_national(root: Element, raw: bytes) -> WeatherWarning:
    form = national.parse(raw)
    info = markup.child(root, "info")
    return _warning(
        identifier=form.identifier,
        sender=form.sender,
        status=form.status.value,
        msg_type=form.msg_type.value,
        sent=form.sent,
        effective=form.effective,
        expires=form.expires if form.expires > form.effective else form.effective + _WITHOUT_END,
        hazard=hazard_of([form.event_code], form.headline),
        level=_level(text(info, "severity"), "", form.headline),
        areas=list(form.area.geocodes),
        headline=form.headline,
        references=tuple(one.identifier for one in form.references),
    )


def _warning(
    *,
    identifier: str,
    sender: str,
    status: str,
    msg_type: str,
    sent: datetime,
    effective: datetime,
    expires: datetime,
    hazard: Hazard,
    level: Level,
    areas: list[str],
    headline: str,
    references: tuple[str, ...],
) -> WeatherWarning:
    codes = tuple(dict.fromkeys(code.strip() for code in areas if code.strip().isdigit() and len(code.strip()) >= 6))
    if not codes and msg_type != "Cancel":
        raise FormError("no area code of GB/T 2260", advice="a warning for nowhere changes no policy")
    return WeatherWarning(
        identifier, sender, hazard, level, status, msg_type, codes, sent, effective, expires, headline, references
    )


def _ended(root: Element, sent: datetime, references: tuple[str, ...]) -> WeatherWarning:
    """A Cancel that says no more than what it ends."""
    return WeatherWarning(
        text(root, "identifier"), text(root, "sender"), Hazard.OTHER, Level.BLUE, text(root, "status"), "Cancel", (),
        sent, sent, sent, text(root, "note"), references,
    )  # fmt: skip
