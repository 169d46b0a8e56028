"""What is decided about each demo city before anything is drawn: where it is, its districts, how many people."""

from dataclasses import dataclass
from enum import StrEnum

from lifeline.asset import Name
from simulators.demo_city.ground import Ground


class Feed(StrEnum):
    """How a district metered area gets its water."""

    PRV = "prv"
    """from the trunk main through a pressure reducing valve"""
    VALVE = "valve"
    """from another area through an open valve"""
    TANK = "tank"
    """from a tank that a booster pump fills"""


@dataclass(frozen=True, slots=True)
class DmaPlan:
    """A rectangle of streets, `columns` x `rows` crossings, lower left corner at (`x0`, `y0`)."""

    name: Name
    district: str
    columns: int
    rows: int
    x0: float
    y0: float
    people: int
    feed: Feed
    entry: tuple[int, int]
    """column and row of the crossing where the water enters"""
    setting_m: float
    """head of the feed above the ground at the entry"""
    years: tuple[int, int]
    source_entry: tuple[int, int] | None = None
    """for Feed.VALVE: the crossing of the area before that gives the water"""


@dataclass(frozen=True, slots=True)
class DrainPlan:
    """A rectangle of manholes, `columns` x `rows`, one subcatchment each, in two halves where `halves` is 2."""

    columns: int
    rows: int
    spacing_m: float
    x0: float
    y0: float
    halves: int
    gauges: int
    underpasses: tuple[tuple[int, int], ...]
    low_roads: tuple[tuple[int, int], ...]
    level_sensors: int


@dataclass(frozen=True, slots=True)
class CityPlan:
    """One city: `prefix` starts every id."""

    code: str
    prefix: str
    folder: str
    name: Name
    seed: int
    ground: Ground
    spacing_m: float
    pump_head_m: float
    """head that the main pumps keep, above the ground of the first area's entry"""
    dmas: tuple[DmaPlan, ...]
    drains: DrainPlan
    shelters: int
    cells: int
    crews: int


def dma_id(prefix: str, zone: int) -> str:
    """Id of a district metered area."""
    return f"{prefix}-DMA-{zone}"


def catchment_id(prefix: str, number: int) -> str:
    """Id of a drainage catchment."""
    return f"{prefix}-CA-{number}"


CHANGCHUN = CityPlan(
    code="220100",
    prefix="CC",
    folder="changchun",
    name=Name("长春", "Changchun"),
    seed=2201,
    ground=Ground(lon=125.3040, lat=43.8545, turn_deg=6.0, base_m=206.0, slope_x=0.0085, slope_y=0.0075, phase=0.4),
    spacing_m=92.0,
    pump_head_m=46.0,
    dmas=(
        DmaPlan(Name("南湖一区", "Nanhu 1"), "220104", 8, 9, 0.0, 0.0, 7200, Feed.PRV, (7, 3), 40.0, (1978, 2004)),
        DmaPlan(Name("南湖二区", "Nanhu 2"), "220102", 9, 8, 760.0, 0.0, 6800, Feed.PRV, (0, 4), 40.0, (1986, 2012)),
        DmaPlan(
            Name("南湖三区", "Nanhu 3"),
            "220104",
            8,
            8,
            0.0,
            860.0,
            5900,
            Feed.VALVE,
            (3, 0),
            36.0,
            (1992, 2015),
            (3, 8),
        ),
        DmaPlan(Name("南湖四区", "Nanhu 4"), "220102", 8, 8, 760.0, 790.0, 6300, Feed.TANK, (3, 7), 40.0, (2003, 2021)),
    ),
    drains=DrainPlan(
        columns=8,
        rows=7,
        spacing_m=205.0,
        x0=0.0,
        y0=60.0,
        halves=2,
        gauges=3,
        underpasses=((1, 2), (3, 4), (5, 1), (6, 4)),
        low_roads=((0, 3), (4, 3), (6, 2), (1, 4), (5, 4), (3, 5)),
        level_sensors=8,
    ),
    shelters=12,
    cells=60,
    crews=5,
)


def _small(code: str, prefix: str, *, name: Name, ground: Ground, area: Name, district: str, people: int) -> CityPlan:
    return CityPlan(
        code=code,
        prefix=prefix,
        folder=name.en.lower(),
        name=name,
        seed=int(code[:4]),
        ground=ground,
        spacing_m=98.0,
        pump_head_m=48.0,
        dmas=(DmaPlan(area, district, 7, 6, 0.0, 0.0, people, Feed.PRV, (0, 2), 38.0, (1985, 2015)),),
        drains=DrainPlan(
            columns=4,
            rows=3,
            spacing_m=190.0,
            x0=0.0,
            y0=30.0,
            halves=1,
            gauges=1,
            underpasses=((2, 1),),
            low_roads=((1, 1),),
            level_sensors=2,
        ),
        shelters=3,
        cells=8,
        crews=2,
    )


JILIN = _small(
    "220200",
    "JL",
    name=Name("吉林", "Jilin"),
    ground=Ground(lon=126.5450, lat=43.8380, turn_deg=-11.0, base_m=189.0, slope_x=0.006, slope_y=0.005, phase=1.3),
    area=Name("江畔一区", "Riverside 1"),
    district="220204",
    people=4100,
)
SIPING = _small(
    "220300",
    "SP",
    name=Name("四平", "Siping"),
    ground=Ground(lon=124.3560, lat=43.1660, turn_deg=24.0, base_m=161.0, slope_x=0.005, slope_y=0.006, phase=2.1),
    area=Name("站前一区", "Station 1"),
    district="220302",
    people=3600,
)
LIAOYUAN = _small(
    "220400",
    "LY",
    name=Name("辽源", "Liaoyuan"),
    ground=Ground(lon=125.1370, lat=42.8980, turn_deg=-4.0, base_m=252.0, slope_x=0.007, slope_y=0.006, phase=0.9),
    area=Name("龙山一区", "Longshan 1"),
    district="220402",
    people=3900,
)
CITIES: tuple[CityPlan, ...] = (CHANGCHUN, JILIN, SIPING, LIAOYUAN)
"""Changchun first; its neighbours are small."""
