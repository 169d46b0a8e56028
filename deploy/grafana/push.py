"""Brings a Grafana to what this release ships - data source, folder, dashboards, contact point - and says how.

Pushing twice changes nothing the second time. What people made themselves in other folders is left alone.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import unquote, urlsplit

from deploy.grafana.provisioning import DASHBOARDS, FOLDER_UID
from lifeline.errors import SettingsError

SOURCE_UID = "lifeline"
CONTACT = "lifeline"
_OWN = ("id", "version", "iteration")
"""what Grafana adds to a dashboard"""

Document = dict[str, Any]


class Grafana(Protocol):
    """What is needed of a Grafana; each `get` gives None where there is no such thing."""

    def source(self) -> Document | None:
        """The data source."""

    def put_source(self, wanted: Document, *, exists: bool) -> None:
        """Adds or changes it."""

    def folder(self) -> Document | None:
        """The folder."""

    def put_folder(self) -> None:
        """Adds it."""

    def dashboard(self, uid: str) -> Document | None:
        """A dashboard."""

    def put_dashboard(self, wanted: Document) -> None:
        """Adds or changes it in the folder."""

    def contact(self) -> Document | None:
        """The contact point."""

    def put_contact(self, wanted: Document, *, exists: bool) -> None:
        """Adds or changes it."""


class Step(StrEnum):
    """What a push does about a thing."""

    ADD = "add"
    CHANGE = "change"
    SAME = "same"


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing and what a push would do; `places` are the parts that differ."""

    what: str
    step: Step
    places: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a Grafana should hold. Raises SettingsError for an address that is none."""

    source: Document
    dashboards: tuple[Document, ...]
    contact: Document | None

    @classmethod
    def of(cls, *, database_url: str, contact_url: str, dashboards: Path = DASHBOARDS) -> "Wanted":
        """From the settings and the shipped dashboards. Raises SettingsError."""
        return cls(
            source=_source(database_url),
            dashboards=tuple(
                json.loads(path.read_text(encoding="utf-8")) for path in sorted(dashboards.glob("*.json"))
            ),
            contact=_contact(contact_url) if contact_url else None,
        )


def differences(grafana: Grafana, wanted: Wanted) -> list[Difference]:
    """What a push would do, thing by thing. Raises what `grafana` raises."""
    found = [_difference("data source", grafana.source(), wanted.source, ignored=("secureJsonData",))]
    found.append(Difference(f"folder {FOLDER_UID}", Step.SAME if grafana.folder() else Step.ADD))
    found += [_difference(_named(one), grafana.dashboard(one["uid"]), one) for one in wanted.dashboards]
    if wanted.contact:
        found.append(_difference("contact point", grafana.contact(), wanted.contact))
    return found


def push(grafana: Grafana, wanted: Wanted, found: Iterable[Difference]) -> int:
    """Does what `found` says and gives the number of things that changed. Raises what `grafana` raises.

    The password of the data source cannot be read back: it is sent with every push, which is no change.
    """
    steps = {one.what: one.step for one in found}
    grafana.put_source(wanted.source, exists=steps["data source"] is not Step.ADD)
    if steps[f"folder {FOLDER_UID}"] is Step.ADD:
        grafana.put_folder()
    for one in wanted.dashboards:
        if steps[_named(one)] is not Step.SAME:
            grafana.put_dashboard(one)
    if wanted.contact and steps["contact point"] is not Step.SAME:
        grafana.put_contact(wanted.contact, exists=steps["contact point"] is Step.CHANGE)
    return sum(step is not Step.SAME for step in steps.values())


def _named(document: Document) -> str:
    return f"dashboard {document['uid']}"


def _difference(what: str, present: Document | None, wanted: Document, *, ignored: tuple[str, ...] = ()) -> Difference:
    if present is None:
        return Difference(what, Step.ADD)
    there = dict(_leaves(present))
    places = tuple(
        sorted(
            place
            for place, value in _leaves(wanted)
            if place.split(".")[0] not in (*ignored, *_OWN) and there.get(place, _NOTHING) != value
        )
    )
    return Difference(what, Step.CHANGE if places else Step.SAME, places)


_NOTHING = object()


def _leaves(value: Any, place: str = "") -> Iterable[tuple[str, Any]]:
    """Every value with its place; lists are compared as a whole by their length and item by item."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _leaves(inner, f"{place}.{name}" if place else name)
    elif isinstance(value, list):
        yield f"{place}#", len(value)
        for number, inner in enumerate(value):
            yield from _leaves(inner, f"{place}[{number}]")
    else:
        yield place, value


def _source(database_url: str) -> Document:
    parts = urlsplit(database_url)
    if parts.scheme not in {"postgresql", "postgres"} or not parts.hostname or not parts.username:
        raise SettingsError(
            "grafana.database_url is no address of a database",
            advice="write postgresql://grafana:password@host:5432/lifeline, as Grafana reaches it",
        )
    return {
        "uid": SOURCE_UID,
        "name": "Lifeline",
        "type": "grafana-postgresql-datasource",
        "access": "proxy",
        "url": f"{parts.hostname}:{parts.port or 5432}",
        "user": unquote(parts.username),
        "isDefault": True,
        "jsonData": {
            "database": parts.path.lstrip("/"),
            "sslmode": "require" if "sslmode=require" in parts.query else "disable",
            "postgresVersion": 1700,
            "timescaledb": True,
        },
        "secureJsonData": {"password": unquote(parts.password or "")},
    }


def _contact(url: str) -> Document:
    kind, settings = ("email", {"addresses": url.removeprefix("mailto:")}) if url.startswith("mailto:") else (
        "webhook",
        {"url": url, "httpMethod": "POST"},
    )  # fmt: skip
    if kind == "webhook" and urlsplit(url).scheme not in {"http", "https"}:
        raise SettingsError(
            f"grafana.contact_url={url!r} is no address", advice="write mailto:duty@example.org or https://..."
        )
    return {"uid": CONTACT, "name": "Lifeline", "type": kind, "settings": settings, "disableResolveMessage": False}
