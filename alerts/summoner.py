"""Tells a crew at the contact of its city pack that it is asked about a work order: once for each offer."""

import math
import uuid
from urllib.parse import unquote
from zoneinfo import ZoneInfo

from alerts import text
from alerts.teller import base_url
from lifeline import log
from lifeline.asset import Name
from lifeline.errors import SettingsError
from lifeline.settings import ChannelSettings, Settings
from lifeline.store import summons
from lifeline.store.decisions import Docket
from lifeline.store.notices import Draft
from lifeline.store.summons import Summons

AT_ONCE = 200
_KEYS = uuid.UUID("a3c1d0f6-5b7e-5d34-8c55-0d6f8b6b7c12")
_log = log.logger("summoner")


class Summoner:
    """Writes the notices of offers as a part of the decider's transaction. Raises SettingsError at the start where
    `alerts.crew_channels` names a channel that there is not."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        channels = {one.name: one for one in settings.alerts.channels}
        self._channels: dict[str, ChannelSettings] = {}
        for scheme, name in settings.alerts.crew_channels.items():
            if name not in channels:
                raise SettingsError(
                    f"alerts.crew_channels: {scheme}: the settings have no channel {name!r}",
                    advice="name one of alerts.channels",
                )
            self._channels[scheme] = channels[name]

    def work(self, opened: Docket) -> None:
        """One notice for each offer that has none."""
        if not self._channels:
            return
        link = f"{base}/crew" if (base := base_url(self._settings)) else ""
        for one in summons.untold(opened.connection, schemes=self._channels, now=opened.now, limit=AT_ONCE):
            scheme, _, address = one.contact.partition(":")
            channel = self._channels[scheme]
            opened.tell([draft(one, channel, address_of(address), link=link)], {})
            _log.info("crew told", order=one.order_id, crew=one.crew_id, channel=channel.name)


def address_of(contact: str) -> str:
    """The address in a contact, without its scheme and without what follows a `?` (RFC 6068, RFC 3966).

    >>> address_of("crew-1@example.org?subject=x"), address_of("+86-431-1234")
    ('crew-1@example.org', '+86-431-1234')
    """
    return unquote(contact.removeprefix("//").partition("?")[0])


def draft(one: Summons, channel: ChannelSettings, address: str, *, link: str) -> Draft:
    """The notice about an offer in the words of its channel."""
    key = str(uuid.uuid5(_KEYS, f"{one.offer_id}\n{one.order_id}\n{one.at.isoformat()}\n{channel.name}\n{address}"))
    line, words = _words(one, channel.language, link)
    return Draft(
        alarm_id=one.alarm_id,
        event_ids=() if one.event_id is None else (one.event_id,),
        group_key=one.group,
        urgency=int(one.level),
        idempotency_key=key,
        channel=channel.name,
        address=address,
        subject_line=line,
        body=words,
        payload={
            "format": 1,
            "idempotency_key": key,
            "language": channel.language,
            "subject_line": line,
            "body": words,
            "answer": None,
            "follows": None,
            "events": [],
            "order": {
                "order_id": one.order_id,
                "alarm_id": one.alarm_id,
                "level": one.level.name.lower(),
                "crew_id": one.crew_id,
                "answer_by": one.answer_by.isoformat(),
                "minutes": one.minutes if math.isfinite(one.minutes) else None,
                "title": {"zh": one.title.zh, "en": one.title.en},
                "position": {"lon": one.position.lon, "lat": one.position.lat} if one.position else None,
                "materials": [
                    {"zh": each.name.zh, "en": each.name.en, "quantity": each.quantity} for each in one.materials
                ],
                "link": link or None,
            },
        },
    )


def _words(one: Summons, language: text.Language, link: str) -> tuple[str, str]:
    """Subject line and body."""
    words = text.catalogue(language)

    def pick(name: Name) -> str:
        return name.zh if language == "zh" else name.en

    order, level = words["order"], words["level"][one.level.name.lower()]
    line = order["subject"].format(number=one.order_id, level=level, title=pick(one.title))
    until = f"{one.answer_by.astimezone(ZoneInfo(one.timezone)):%Y-%m-%d %H:%M:%S}"
    lines = [
        order["lead"].format(crew=pick(one.crew)),
        "",
        order["what"].format(title=pick(one.title), city=pick(one.city)),
    ]
    if one.position is not None:
        lines.append(words["line"]["position"].format(lon=one.position.lon, lat=one.position.lat))
    if math.isfinite(one.minutes):
        lines.append(order["way"].format(minutes=one.minutes))
    lines.append(order["answer_by"].format(at=until, timezone=one.timezone))
    if one.materials:
        lines.append(order["materials"])
        lines += [f"- {pick(each.name)} {each.quantity}" for each in one.materials]
    if link:
        lines.append(words["line"]["link"].format(link=link))
    return " ".join(line.split())[: text.TITLE_LIMIT], "\n".join(lines) + "\n"
