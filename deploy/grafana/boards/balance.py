"""Water balance of district metered areas: inflow, minimum night flow, loss and its cost."""

from deploy.grafana.panels import IN_CITY, IN_ZONE, bars, compose, curve, listing, number
from deploy.grafana.sdk import Dashboard

_NEWEST = (
    f"SELECT DISTINCT ON (zone_id) * FROM dashboard.zone_day WHERE {IN_CITY} AND {IN_ZONE} ORDER BY zone_id, day DESC"
)
_DAYS = f"FROM dashboard.zone_day WHERE $__timeFilter(day::timestamptz) AND {IN_CITY} AND {IN_ZONE} ORDER BY 1"


def board() -> Dashboard:
    """The dashboard."""
    return compose(
        "balance",
        "分区水量平衡与夜间最小流量 DMA water balance and minimum night flow",
        "各计量分区进水、夜间最小流量、漏失水量与费用 Inflow, minimum night flow, loss and cost of each district",
        [
            number(
                "最近一日漏失 Loss, newest day",
                f"SELECT sum(loss_m3) FROM ({_NEWEST}) newest",
                unit="m3",
                says="夜间流量减夜间合理用水,乘 24 小时 Night flow less lawful night use, over 24 hours",
            ),
            number(
                "漏失占比 Share lost",
                "SELECT sum(loss_m3) / nullif(sum(inflow_m3) FILTER (WHERE loss_m3 IS NOT NULL), 0)"
                f" FROM ({_NEWEST}) newest",
                unit="percentunit",
                steps={None: "green", 0.09: "orange", 0.2: "red"},
                says="9 %:国务院“水十条”及住建部对 2025 年的控制目标 Target of the national plan for 2025",
            ),
            number("漏失费用 Cost, newest day", f"SELECT sum(cost) FROM ({_NEWEST}) newest"),
            number("分区数 Zones", f"SELECT count(*) FROM ({_NEWEST}) newest"),
            number(
                "无法判断 Unknown",
                f"SELECT count(*) FROM ({_NEWEST}) newest WHERE loss_m3 IS NULL",
                says="流量计失联或当日数据不足 Meter silent, or too little of the day",
                steps={None: "green", 1: "orange"},
            ),
            number("已报漏失 Told by findings", f"SELECT sum(told_loss_m3) FROM ({_NEWEST}) newest", unit="m3"),
            curve(
                "夜间最小流量 Minimum night flow",
                f"SELECT day::timestamptz AS time, zone_id AS metric, night_flow_m3_per_h AS night_flow {_DAYS}",
                unit="m3/h",
            ),
            curve(
                "每日漏失 Loss a day",
                f"SELECT day::timestamptz AS time, zone_id AS metric, loss_m3 AS loss {_DAYS}",
                unit="m3",
                bars=True,
                stacked=True,
            ),
            curve(
                "进水流量 Inflow",
                "SELECT $__timeGroup(began_at, '1h') AS time, sensor_id AS metric, avg(mean) * 3600 AS flow"
                " FROM dashboard.hour WHERE $__timeFilter(began_at) AND quantity = 'flow'"
                f" AND {IN_CITY} AND {IN_ZONE} GROUP BY 1, 2 ORDER BY 1",
                unit="m3/h",
            ),
            bars(
                "各分区漏失 Loss by zone",
                f"SELECT zone_id, loss_m3 FROM ({_NEWEST}) newest WHERE loss_m3 IS NOT NULL ORDER BY 2 DESC LIMIT 20",
                unit="m3",
            ),
            listing(
                "最近一日 Newest day",
                "SELECT zone_id, day, hours, inflow_m3, night_flow_m3_per_h, night_use_m3_per_h, loss_m3, told_loss_m3,"
                f" cost, currency FROM ({_NEWEST}) newest ORDER BY loss_m3 DESC NULLS LAST",
            ),
        ],
        variables=("city", "zone"),
        days=90,
    )
