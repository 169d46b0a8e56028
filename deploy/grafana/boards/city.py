"""City overview: what is wrong now, where, and whether the system itself can be believed."""

from deploy.grafana.panels import IN_CITY, compose, curve, listing, number, places
from deploy.grafana.sdk import Dashboard


def board() -> Dashboard:
    """The dashboard."""
    levels = [
        number(
            title,
            f"SELECT count(*) FROM dashboard.alarm WHERE live AND level = {level} AND {IN_CITY}",
            steps={None: "green", 1: colour},
        )
        for level, title, colour in (
            (1, "红色 Red", "red"),
            (2, "橙色 Orange", "orange"),
            (3, "黄色 Yellow", "yellow"),
            (4, "蓝色 Blue", "blue"),
        )
    ]
    return compose(
        "city",
        "城市总览 City overview",
        "未结报警、来数与传感器状况 Live alarms, arrival of readings, state of sensors",
        [
            *levels,
            number(
                "最新读数 Newest reading",
                f"SELECT extract(epoch FROM now() - max(last_observed_at)) FROM dashboard.device WHERE {IN_CITY}",
                unit="s",
                steps={None: "green", 300: "orange", 900: "red"},
            ),
            number(
                "失联设备 Silent devices",
                "SELECT count(*) FROM dashboard.device_silence WHERE silent AND " + IN_CITY,
                says="超过自身间隔三倍未报 Nothing for three of its own intervals",
                steps={None: "green", 1: "orange"},
            ),
            places(
                "未结报警位置 Where",
                "SELECT lat AS latitude, lon AS longitude, title_zh, level_name, state FROM dashboard.alarm"
                f" WHERE live AND lat IS NOT NULL AND {IN_CITY}",
            ),
            curve(
                "新报警 New alarms",
                "SELECT $__timeGroup(opened_at, '1h') AS time, level_name AS metric, count(*) AS alarms"
                f" FROM dashboard.alarm WHERE $__timeFilter(opened_at) AND {IN_CITY} GROUP BY 1, 2 ORDER BY 1",
                bars=True,
                stacked=True,
            ),
            listing(
                "未结报警 Live alarms",
                "SELECT alarm_id, level_name AS level, kind, title_zh, title_en, state, opened_at,"
                " round(probability::numeric, 2) AS probability, array_to_string(provisions, ' ') AS provisions"
                f" FROM dashboard.alarm WHERE live AND {IN_CITY} ORDER BY level, opened_at DESC LIMIT 200",
                alarm_links=True,
            ),
        ],
    )
