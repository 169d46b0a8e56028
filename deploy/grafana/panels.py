"""What all dashboards are made of: curves, numbers, tables, a map, the variables, alarms as annotations."""

from collections.abc import Sequence
from typing import Any

from deploy.grafana.query import SOURCE, Sql
from deploy.grafana.sdk import (
    barchart,
    builders,
    common,
    common_builders,
    dashboard,
    geomap,
    stat,
    table,
    timeseries,
)

CONSOLE = "${console}"
LEVEL_COLOURS = {1: "red", 2: "orange", 3: "yellow", 4: "blue"}
IN_CITY = "city_code IN (${city:sqlstring})"
IN_ZONE = "zone_id IN (${zone:sqlstring})"
Steps = dict[float | None, str]
"""Threshold -> colour; None: from minus infinity on."""


_WIDTH = 24


def compose(
    uid: str,
    title: str,
    description: str,
    panels: Sequence[Any],
    *,
    variables: tuple[str, ...] = ("city",),
    days: float = 1,
) -> dashboard.Dashboard:
    """A dashboard: variables, alarms as annotations, ways to the console and to its sisters, panels row by row."""
    began = f"now-{int(days)}d" if days >= 1 else f"now-{int(days * 24)}h"
    made = (
        builders.Dashboard(title)
        .uid(f"lifeline-{uid}")
        .description(description)
        .tags(["lifeline"])
        .refresh("30s" if days <= 1 else "5m")
        .time(began, "now")
        .timezone("browser")
        .readonly()
        .tooltip(dashboard.DashboardCursorSync.CROSSHAIR)
        .with_variable(
            builders.TextBoxVariable("console").label("控制台 Console").default_value("http://127.0.0.1:8080")
        )
        .link(
            builders.DashboardLink("Lifeline")
            .type(dashboard.DashboardLinkType.DASHBOARDS)
            .tags(["lifeline"])
            .as_dropdown(True)
            .include_vars(True)
            .keep_time(True)
        )
        .link(
            builders.DashboardLink("控制台 Console")
            .type(dashboard.DashboardLinkType.LINK)
            .url(CONSOLE)
            .target_blank(True)
        )
        .annotation(_alarms())
    )
    for name in variables:
        made = made.with_variable(_variable(name))
    left = top = tallest = 0
    for number_of, panel in enumerate(panels, start=1):
        place = panel.build().grid_pos
        if left + place.w > _WIDTH:
            left, top, tallest = 0, top + tallest, 0
        made = made.with_panel(panel.id(number_of).grid_pos(dashboard.GridPos(h=place.h, w=place.w, x=left, y=top)))
        left, tallest = left + place.w, max(tallest, place.h)
    return made.build()


def curve(title: str, sql: str, *, unit: str = "short", says: str = "", steps: Steps | None = None, **how: Any) -> Any:
    """Lines over time: the query gives `time`, optionally `metric`, and a value. `bars` and `stacked` may be set."""
    made = _common(timeseries.Panel(), title, says, unit).with_target(Sql(sql)).span(how.get("span", 12)).height(8)
    made = made.fill_opacity(60 if how.get("bars") else 8).line_width(1).show_points(common.VisibilityMode.NEVER)
    made = made.legend(
        common_builders.VizLegendOptions()
        .show_legend(True)
        .display_mode(common.LegendDisplayMode.LIST)
        .placement(common.LegendPlacement.BOTTOM)
    )
    if how.get("bars"):
        made = made.draw_style(common.GraphDrawStyle.BARS)
    if how.get("stacked"):
        made = made.stacking(common_builders.StackingConfig().mode(common.StackingMode.NORMAL).group("A"))
    if steps:
        made = made.thresholds(_steps(steps)).thresholds_style(
            common_builders.GraphThresholdsStyleConfig().mode(common.GraphThresholdsStyleMode.LINE)
        )
    return made


def number(title: str, sql: str, *, unit: str = "short", says: str = "", steps: Steps | None = None) -> Any:
    """One figure, coloured by its thresholds."""
    made = _common(stat.Panel(), title, says, unit).with_target(Sql(sql, result_format="table")).span(4).height(4)
    made = made.reduce_options(common_builders.ReduceDataOptions().calcs(["lastNotNull"]))
    return made.thresholds(_steps(steps or {None: "text"})).graph_mode(common.BigValueGraphMode.NONE)


def listing(title: str, sql: str, *, says: str = "", span: int = 24, alarm_links: bool = False) -> Any:
    """A table; with `alarm_links` its column `alarm_id` leads to the console."""
    made = _common(table.Panel(), title, says, "short").with_target(Sql(sql, result_format="table"))
    if alarm_links:
        link = {"title": "控制台 Console", "url": f"{CONSOLE}/alarms/${{__value.raw}}", "targetBlank": True}
        made = made.override_by_name("alarm_id", [dashboard.DynamicConfigValue("links", [link])])
    return made.span(span).height(9)


def bars(title: str, sql: str, *, unit: str = "short", says: str = "", span: int = 12) -> Any:
    """Bars of a table: the first column names them."""
    made = _common(barchart.Panel(), title, says, unit).with_target(Sql(sql, result_format="table"))
    return made.orientation(common.VizOrientation.HORIZONTAL).span(span).height(9)


def places(title: str, sql: str, *, says: str = "") -> Any:
    """A map of points: the query gives `latitude` and `longitude`."""
    return _common(geomap.Panel(), title, says, "short").with_target(Sql(sql, result_format="table")).span(12).height(9)


def _common(panel: Any, title: str, says: str, unit: str) -> Any:
    return panel.title(title).description(says).unit(unit).datasource(SOURCE)


def _steps(steps: Steps) -> Any:
    return (
        builders.ThresholdsConfig()
        .mode(dashboard.ThresholdsMode.ABSOLUTE)
        .steps([dashboard.Threshold(value=value, color=colour) for value, colour in steps.items()])
    )


_VARIABLES = {
    "city": (
        "城市 City",
        "SELECT name_zh || ' ' || name_en AS __text, city_code AS __value FROM dashboard.city ORDER BY 2",
    ),
    "zone": (
        "分区 Zone",
        f"SELECT name_zh AS __text, zone_id AS __value FROM dashboard.zone WHERE {IN_CITY} AND kind = 'dma' ORDER BY 2",
    ),
    "sensor": (
        "传感器 Sensor",
        f"SELECT name_zh || ' ' || sensor_id AS __text, sensor_id AS __value FROM dashboard.sensor WHERE {IN_CITY}"
        " ORDER BY 2",
    ),
    "gauge": (
        "积水点 Depth sensor",
        f"SELECT name_zh AS __text, sensor_id AS __value FROM dashboard.sensor WHERE {IN_CITY}"
        " AND quantity = 'water_depth' ORDER BY 2",
    ),
}


def _variable(name: str) -> Any:
    label, sql = _VARIABLES[name]
    many = name in {"city", "zone"}
    made = (
        builders.QueryVariable(name)
        .label(label)
        .query(sql)
        .datasource(SOURCE)
        .refresh(dashboard.VariableRefresh.ON_DASHBOARD_LOAD)
        .multi(many)
        .include_all(many)
    )
    return made.current(dashboard.VariableOption(text="All", value="$__all")) if many else made


def _alarms() -> Any:
    sql = (
        "SELECT opened_at AS time, coalesce(closed_at, now()) AS timeend, title_zh AS text, "
        f"kind || ',' || level_name AS tags FROM dashboard.alarm WHERE $__timeFilter(opened_at) AND {IN_CITY}"
    )
    return (
        builders.AnnotationQuery()
        .name("报警 Alarms")
        .datasource(SOURCE)
        .enable(True)
        .icon_color("red")
        .target(Sql(sql, result_format="table", ref_id="Anno"))
    )
