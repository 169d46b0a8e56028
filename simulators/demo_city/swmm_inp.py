"""Writes the drains as SWMM 5 input; coordinates are lon, lat, lengths are given in metres."""

from collections.abc import Iterable

from simulators.demo_city.drains import MANNING, Drains, Manhole

_OPTIONS = {
    "FLOW_UNITS": "CMS",
    "INFILTRATION": "HORTON",
    "FLOW_ROUTING": "DYNWAVE",
    "LINK_OFFSETS": "DEPTH",
    "MIN_SLOPE": "0",
    "ALLOW_PONDING": "YES",
    "SKIP_STEADY_STATE": "NO",
    "START_DATE": "07/01/2026",
    "START_TIME": "00:00:00",
    "REPORT_START_DATE": "07/01/2026",
    "REPORT_START_TIME": "00:00:00",
    "END_DATE": "07/01/2026",
    "END_TIME": "06:00:00",
    "SWEEP_START": "01/01",
    "SWEEP_END": "12/31",
    "DRY_DAYS": "0",
    "REPORT_STEP": "00:01:00",
    "WET_STEP": "00:00:30",
    "DRY_STEP": "00:00:30",
    "ROUTING_STEP": "0:00:05",
    "INERTIAL_DAMPING": "PARTIAL",
    "NORMAL_FLOW_LIMITED": "BOTH",
    "FORCE_MAIN_EQUATION": "H-W",
    "SURCHARGE_METHOD": "SLOT",
    "VARIABLE_STEP": "0.75",
    "LENGTHENING_STEP": "0",
    "MIN_SURFAREA": "1.2",
    "MAX_TRIALS": "12",
    "HEAD_TOLERANCE": "0.0015",
    "THREADS": "1",
}


def swmm_inp(drains: Drains) -> str:
    """The text of `drainage.inp`: m3/s, dynamic wave, ponding allowed.

    Water on the street is the depth of a node beyond its MaxDepth. Rain is dry weather as written; a run sets it.
    """
    manholes = list(drains.manholes.values())
    parts = [
        _section("TITLE", [f"{drains.plan.name.en} demo drains, invented for the Lifeline project; not a real system"]),
        _section("OPTIONS", (f"{name}\t{value}" for name, value in _OPTIONS.items())),
        _section("EVAPORATION", ["CONSTANT\t0.0", "DRY_ONLY\tNO"]),
        _section("RAINGAGES", (f"{g[0]}\tINTENSITY\t0:01\t1.0\tTIMESERIES DRY-{g[0]}" for g in drains.gauges)),
        _section(
            "SUBCATCHMENTS",
            (
                f"{s.subcatchment_id}\t{s.gauge}\t{s.outlet}\t{s.area_m2 / 1e4:.3f}\t{s.impervious_percent:.1f}\t"
                f"{s.area_m2**0.5 * 0.8:.1f}\t{s.slope_percent}\t0"
                for s in drains.subcatchments
            ),
            "id\tgauge\toutlet\tarea_ha\timpervious_%\twidth_m\tslope_%\tcurb",
        ),
        _section(
            "SUBAREAS",
            (f"{s.subcatchment_id}\t0.014\t0.15\t1.2\t4.0\t30\tOUTLET" for s in drains.subcatchments),
            "id\tn_impervious\tn_pervious\tstore_impervious_mm\tstore_pervious_mm\tzero_%\troute",
        ),
        _section(
            "INFILTRATION",
            (f"{s.subcatchment_id}\t60\t6\t4\t7\t0" for s in drains.subcatchments),
            "id\tmax_mm_per_h\tmin_mm_per_h\tdecay_per_h\tdry_days\tmax_mm",
        ),
        _section(
            "JUNCTIONS",
            (f"{m.node_id}\t{m.invert_m:.3f}\t{m.depth_m:.3f}\t0\t0\t{m.pond_m2:.0f}" for m in manholes),
            "id\tinvert_m\tmax_depth_m\tinit\tsurcharge\tponded_m2",
        ),
        _section("OUTFALLS", (f"{m.node_id}\t{m.invert_m:.3f}\tFREE\t\tNO" for m in drains.outfalls)),
        _section(
            "STORAGE",
            (
                f"{w.well_id}\t{w.bottom_m:.3f}\t{w.depth_m:.3f}\t0.3\tFUNCTIONAL\t0\t0\t{w.area_m2:.1f}\t0\t0"
                for w in drains.wells
            ),
            "id\tinvert_m\tmax_depth_m\tinit\tshape\ta\tb\tc\tsurcharge\tevaporation",
        ),
        _section("CONDUITS", _conduits(drains), "id\tfrom\tto\tlength_m\tn\toffset_in\toffset_out\tinit\tmax"),
        _section(
            "PUMPS",
            (f"{w.pump_id}\t{w.well_id}\t{w.to_node}\tCURVE-{w.pump_id}\tOFF\t0.9\t0.4" for w in drains.wells),
            "id\tfrom\tto\tcurve\tinit\ton_depth_m\toff_depth_m",
        ),
        _section(
            "XSECTIONS",
            (f"{c.conduit_id}\tCIRCULAR\t{c.diameter_m}\t0\t0\t0\t1" for c in drains.conduits),
            "id\tshape\tdiameter_m",
        ),
        _section(
            "LOSSES",
            (f"{c.conduit_id}\t0.2\t0.2\t0.1\t{'YES' if c.end in wells_of(drains) else 'NO'}" for c in drains.conduits),
            "id\tin\tout\taverage\tflap",
        ),
        _section("CURVES", _pump_curves(drains)),
        _section("TIMESERIES", (f"DRY-{g[0]}\t07/01/2026\t0:00\t0.0" for g in drains.gauges)),
        _section(
            "REPORT", ["INPUT NO", "CONTINUITY YES", "FLOWSTATS YES", "SUBCATCHMENTS NONE", "NODES NONE", "LINKS NONE"]
        ),
        _section("TAGS", (f"NODE\t{m.node_id}\tground={m.kind}" for m in manholes)),
        _section("COORDINATES", _coordinates(drains), "id\tlon\tlat"),
        _section("POLYGONS", _polygons(drains), "subcatchment\tlon\tlat"),
        _section("SYMBOLS", (f"{name}\t{lon:.6f}\t{lat:.6f}" for name, lon, lat in _gauges(drains)), "gauge\tlon\tlat"),
    ]
    return "\n".join(parts)


def wells_of(drains: Drains) -> set[str]:
    """Ids of the wet wells."""
    return {well.well_id for well in drains.wells}


def _section(name: str, lines: Iterable[str], columns: str = "") -> str:
    head = [f"[{name}]"] + ([f";;{columns}"] if columns else [])
    return "\n".join([*head, *lines, ""])


def _conduits(drains: Drains) -> Iterable[str]:
    bottom = {m.node_id: m.invert_m for m in [*drains.manholes.values(), *drains.outfalls]}
    wells = {w.well_id: w for w in drains.wells}
    for c in drains.conduits:
        # an underpass drains into its well well above the well's bottom, so that the pump has a volume to work on
        offset_m = bottom[c.start] - 0.1 - wells[c.end].bottom_m if c.end in wells else 0.0
        yield f"{c.conduit_id}\t{c.start}\t{c.end}\t{c.length_m:.1f}\t{MANNING}\t0\t{offset_m:.3f}\t0\t0"


def _pump_curves(drains: Drains) -> Iterable[str]:
    """Flow against depth in the well: full rate from 1 m on."""
    for w in drains.wells:
        points = ((0.0, 0.0), (0.4, 0.35 * w.pump_m3_per_s), (1.0, w.pump_m3_per_s), (w.depth_m, w.pump_m3_per_s))
        for number, (depth_m, flow) in enumerate(points):
            yield f"CURVE-{w.pump_id}\t{'PUMP4' if number == 0 else ''}\t{depth_m:.3f}\t{flow:.4f}"


def _places(drains: Drains) -> Iterable[tuple[str, float, float]]:
    manholes: list[Manhole] = [*drains.manholes.values(), *drains.outfalls]
    yield from ((m.node_id, m.x, m.y) for m in manholes)
    yield from ((w.well_id, w.x, w.y) for w in drains.wells)


def _coordinates(drains: Drains) -> Iterable[str]:
    for node_id, x, y in _places(drains):
        lon, lat = drains.plan.ground.lon_lat(x, y)
        yield f"{node_id}\t{lon:.6f}\t{lat:.6f}"


def _polygons(drains: Drains) -> Iterable[str]:
    for s in drains.subcatchments:
        for x, y in s.corners:
            lon, lat = drains.plan.ground.lon_lat(x, y)
            yield f"{s.subcatchment_id}\t{lon:.6f}\t{lat:.6f}"


def _gauges(drains: Drains) -> Iterable[tuple[str, float, float]]:
    for gauge_id, x, y in drains.gauges:
        yield gauge_id, *drains.plan.ground.lon_lat(x, y)
