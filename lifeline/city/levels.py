"""levels.toml: the thresholds of the alarm levels and how fast values may change, each with its source."""

from dataclasses import dataclass, field
from typing import Any

from lifeline.alarm import Level
from lifeline.asset import Sensor, Site
from lifeline.city.document import Table, parse
from lifeline.city.fault import Faults, Place
from lifeline.errors import PackError
from lifeline.units import Quantity

FLOOD_SITES = (Site.ROAD, Site.UNDERPASS, Site.MANHOLE)
_COLOURS = ("blue", "yellow", "orange", "red")
_LEVELS = (Level.BLUE, Level.YELLOW, Level.ORANGE, Level.RED)


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Where each level begins, strictly ascending: m of water on the street, or m3/h of leakage."""

    blue: float
    yellow: float
    orange: float
    red: float
    source: str

    def level(self, value: float) -> Level | None:
        """The gravest level that `value` reaches; None below blue.

        >>> Thresholds(0.05, 0.15, 0.27, 0.4, "").level(0.15).name
        'YELLOW'
        """
        reached = [
            level
            for level, limit in zip(_LEVELS, (self.blue, self.yellow, self.orange, self.red), strict=True)
            if value >= limit
        ]
        return reached[-1] if reached else None


@dataclass(frozen=True, slots=True)
class RateLimit:
    """How fast a value may change, SI per minute: of a quantity, of it at some site, or of single sensors."""

    quantity: Quantity
    per_minute: float
    source: str
    site: Site | None = None
    sensors: tuple[str, ...] = ()

    def rank(self, sensor: Sensor) -> int:
        """How closely it is about `sensor`: 3 by its id, 2 by its site, 1 by its quantity, 0 not at all."""
        if sensor.quantity is not self.quantity or (self.site is not None and sensor.site is not self.site):
            return 0
        if self.sensors:
            return 3 if sensor.sensor_id in self.sensors else 0
        return 1 if self.site is None else 2


@dataclass(frozen=True, slots=True)
class Levels:
    """The thresholds of one city. `flood` by site in m, `leak` in m3/h; `raw` is the file as it stands."""

    version: str
    flood: dict[Site, Thresholds]
    leak: Thresholds
    raw: dict[str, Any] = field(repr=False)
    rates: tuple[RateLimit, ...] = ()

    def rate_max(self, sensor: Sensor) -> float | None:
        """The fastest change of `sensor` in SI per second, by the rule that is closest to it; None: no rule."""
        rule = max(self.rates, key=lambda rule: rule.rank(sensor), default=None)
        return rule.per_minute / 60 if rule is not None and rule.rank(sensor) else None


def read(text: str, file: str, faults: Faults) -> Levels | None:
    """The levels; None where there was a fault."""
    table = parse(text, file, faults)
    if table is None:
        return None
    table.only("version", "flood", "leak", "rate")
    version = table.text("version")
    flood: dict[Site, Thresholds] = {}
    for entry in table.tables("flood"):
        site = entry.choice("site", Site)
        if entry.sound and site not in FLOOD_SITES:
            entry.fault("site", expected=f"one of {', '.join(FLOOD_SITES)}", got=site.value)
        elif entry.sound and site in flood:
            entry.fault("site", expected="each site once", got=site.value)
        flood[site] = _thresholds(entry, "_m", "site")
    leaks = [_thresholds(entry, "_m3_per_h") for entry in table.tables("leak")]
    if len(leaks) != 1:
        table.fault("leak", expected="one [[leak]]", got=f"{len(leaks)} of them")
    if not flood:
        table.fault("flood", expected="a [[flood]] for each site with water-depth sensors", got=None)
    rates = tuple(_rate(entry) for entry in table.tables("rate"))
    return Levels(version, flood, leaks[0], table.content, rates) if table.sound else None


def from_raw(raw: dict[str, Any]) -> Levels:
    """Levels from what the store keeps. Raises PackError where an older program stored something else."""
    faults = Faults()
    try:
        flood = {Site(entry["site"]): _plain(entry, "_m") for entry in raw["flood"]}
        rates = tuple(
            RateLimit(
                Quantity(entry["quantity"]),
                float(entry["per_minute"]),
                entry["source"],
                Site(entry["site"]) if "site" in entry else None,
                tuple(entry.get("sensors", ())),
            )
            for entry in raw.get("rate", ())
        )
        return Levels(raw["version"], flood, _plain(raw["leak"][0], "_m3_per_h"), raw, rates)
    except (KeyError, IndexError, TypeError, ValueError) as error:
        faults.add(Place("levels.toml"), "levels of this program's format", str(error))
        raise PackError(str(faults.sorted()[0]), advice="load the city pack again") from error


def _plain(entry: dict[str, Any], unit: str) -> Thresholds:
    return Thresholds(**{colour: float(entry[colour + unit]) for colour in _COLOURS}, source=entry["source"])


def _rate(entry: Table) -> RateLimit:
    entry.only("quantity", "site", "sensors", "per_minute", "source")
    return RateLimit(
        entry.choice("quantity", Quantity),
        entry.number("per_minute", low=1e-12),
        entry.text("source"),
        entry.choice("site", Site) if "site" in entry.content else None,
        entry.texts("sensors"),
    )


def _thresholds(entry: Table, unit: str, *others: str) -> Thresholds:
    keys = [colour + unit for colour in _COLOURS]
    entry.only(*keys, "source", *others)
    values = [entry.number(key, low=1e-9) for key in keys]
    for index in range(1, len(keys)):
        if 0 < values[index] <= values[index - 1]:
            entry.fault(keys[index], expected=f"more than {keys[index - 1]} = {values[index - 1]:g}", got=values[index])
    return Thresholds(**dict(zip(_COLOURS, values, strict=True)), source=entry.text("source"))
