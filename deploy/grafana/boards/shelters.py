"""Shelters and the field: places, people inside with the age of the count, conversions, plans, work orders."""

from deploy.grafana.panels import IN_CITY, bars, compose, curve, listing, number, places
from deploy.grafana.sdk import Dashboard


def board() -> Dashboard:
    """The dashboard."""
    return compose(
        "shelters",
        "避难场所与处置 Shelters and dispatch",
        "平急两用场所、在场人数、转换时长与派单 Dual-use places, people inside, conversions, work orders (P6.3, P6.4)",
        [
            number(
                "开放 Open",
                f"SELECT count(*) FROM dashboard.shelter WHERE state IN ('open', 'full') AND {IN_CITY}",
            ),
            number(
                "在场人数 People inside",
                f"SELECT coalesce(sum(people), 0) FROM dashboard.shelter WHERE state IN ('open', 'full') AND {IN_CITY}",
            ),
            number(
                "人数未知 Not counted",
                "SELECT count(*) FROM dashboard.shelter WHERE state IN ('open', 'full')"
                f" AND (counted_at IS NULL OR counted_at < now() - INTERVAL '1 hour') AND {IN_CITY}",
                says="开放而一小时内未清点:未知,不当作无人 Open and not counted within the hour: unknown, not empty",
                steps={None: "green", 1: "orange"},
            ),
            number(
                "不安全 Unsafe",
                f"SELECT count(*) FROM dashboard.shelter WHERE state = 'unsafe' AND {IN_CITY}",
                steps={None: "green", 1: "red"},
            ),
            number(
                "转换中 Converting",
                f"SELECT count(*) FROM dashboard.shelter_conversion WHERE ended_at IS NULL AND {IN_CITY}",
            ),
            number(
                "未办结派单 Live work orders",
                "SELECT count(*) FROM dashboard.work_order WHERE state NOT IN ('closed', 'cancelled')"
                f" AND NOT exercise AND {IN_CITY}",
            ),
            places(
                "场所 Where",
                "SELECT lat AS latitude, lon AS longitude, name_zh, mode, state, people, places FROM dashboard.shelter"
                f" WHERE {IN_CITY}",
            ),
            curve(
                "清点 Counts",
                "SELECT at AS time, shelter_id AS metric, people FROM dashboard.shelter_count"
                f" WHERE $__timeFilter(at) AND {IN_CITY} ORDER BY 1",
            ),
            bars(
                "转换时长:实际/承诺 Conversion, actual over promised",
                "SELECT shelter_id,"
                " extract(epoch FROM ended_at - ordered_at) / 3600 / nullif(promised_hours, 0) AS ratio"
                " FROM dashboard.shelter_conversion WHERE outcome = 'done' AND $__timeFilter(ordered_at)"
                f" AND {IN_CITY} ORDER BY 2 DESC LIMIT 20",
            ),
            bars(
                "接单时长 From order to acceptance",
                "SELECT crew_id, percentile_cont(0.5) WITHIN GROUP"
                " (ORDER BY extract(epoch FROM accepted_at - created_at)) AS median"
                " FROM dashboard.work_order WHERE accepted_at IS NOT NULL AND $__timeFilter(created_at)"
                f" AND {IN_CITY} GROUP BY 1 ORDER BY 2 DESC LIMIT 20",
                unit="s",
            ),
            listing(
                "场所清单 Shelters",
                "SELECT shelter_id, name_zh, mode, state, people, places, counted_at, reason FROM dashboard.shelter"
                f" WHERE {IN_CITY} ORDER BY state, shelter_id",
                span=12,
            ),
            listing(
                "派单 Work orders",
                "SELECT alarm_id, order_id, title_zh, state, crew_id, created_at, accepted_at, arrived_at,"
                f" mitigated_at, verified_at, exercise FROM dashboard.work_order"
                f" WHERE $__timeFilter(created_at) AND {IN_CITY} ORDER BY order_id DESC LIMIT 200",
                span=12,
                alarm_links=True,
            ),
        ],
        days=7,
    )
