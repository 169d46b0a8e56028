"""What every page works with."""

from dataclasses import dataclass, field
from typing import Any

from console.dossier import Dossiers
from console.feed import Feed
from console.sheltering import Checklist
from console.texts import Texts
from lifeline.clock import Clock
from lifeline.settings import Settings
from lifeline.store.pool import Store
from lifeline.store.views import LiveAlarm

FALLBACK_TIMEZONE = "Asia/Shanghai"


@dataclass(frozen=True, slots=True)
class Desk:
    """The process's one feed and store, and the person's language."""

    store: Store
    feed: Feed
    clock: Clock
    settings: Settings
    dossiers: Dossiers
    texts: Texts
    checklist: Checklist | None = None
    """what a conversion of a shelter takes; None: conversions are ordered elsewhere"""
    rows: dict[int, tuple[LiveAlarm, Any]] = field(default_factory=dict)
    """live alarms and their rows, by number: made once, however many people look"""

    def timezone(self, city: str | None) -> str:
        """The time zone of a city."""
        return next((one.timezone for one in self.feed.cities if one.code == city), FALLBACK_TIMEZONE)

    def place(self, city: str, zone_id: str | None) -> str:
        """City and zone by name."""
        names = [self.texts.name(one.name.zh, one.name.en) for one in self.feed.cities if one.code == city] or [city]
        if zone_id:
            zone = self.feed.zones.get(zone_id)
            names.append(self.texts.name(zone.name.zh, zone.name.en) if zone else zone_id)
        return " ".join(names)
