"""Leak detection: what was found, how fast, how sure, and what people found when they dug."""

from deploy.grafana.panels import IN_CITY, bars, compose, curve, listing, number
from deploy.grafana.sdk import Dashboard

_FOUND = (
    "dashboard.finding WHERE kind IN ('leak', 'burst') AND phase = 'onset'"
    f" AND $__timeFilter(detected_at) AND {IN_CITY}"
)
_VERDICTS = f"dashboard.verdict WHERE $__timeFilter(said_at) AND {IN_CITY}"


def board() -> Dashboard:
    """The dashboard."""
    return compose(
        "leak",
        "漏损监测 Leak detection",
        "漏损与爆管:发现、时延、核查结果 Leaks and bursts: found, how late, what people found (P6.1, P6.2)",
        [
            number("漏损 Leaks", f"SELECT count(*) FROM {_FOUND} AND kind = 'leak'"),
            number("爆管 Bursts", f"SELECT count(*) FROM {_FOUND} AND kind = 'burst'"),
            number(
                "发现时延中位数 Median delay",
                "SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM detected_at - began_at))"
                f" FROM {_FOUND}",
                unit="s",
                says="从估计的起始到判定 From the estimated beginning to the decision",
            ),
            number("核实 Confirmed", f"SELECT count(*) FROM {_VERDICTS} AND said = 'confirmed'"),
            number(
                "误报 False", f"SELECT count(*) FROM {_VERDICTS} AND said = 'false'", steps={None: "green", 1: "orange"}
            ),
            number(
                "核实率 Share confirmed",
                f"SELECT avg((said = 'confirmed')::int) FROM {_VERDICTS} AND said <> 'unusual-use'",
                unit="percentunit",
            ),
            curve(
                "估计漏量 Estimated flow",
                "SELECT detected_at AS time, subject AS metric, flow_m3_per_h AS flow FROM dashboard.finding"
                " WHERE kind IN ('leak', 'burst') AND flow_m3_per_h IS NOT NULL AND $__timeFilter(detected_at)"
                f" AND {IN_CITY} ORDER BY 1",
                unit="m3/h",
            ),
            curve(
                "传感器 Sensor",
                "SELECT began_at AS time, quantity AS metric, mean FROM dashboard.quarter"
                " WHERE sensor_id = ${sensor:sqlstring} AND $__timeFilter(began_at) ORDER BY 1",
                says="SI 单位 In SI units",
            ),
            curve(
                "最后一日逐分钟最低值 Lowest of each minute, last day",
                "SELECT began_at AS time, quantity AS metric, min AS lowest FROM dashboard.minute"
                " WHERE sensor_id = ${sensor:sqlstring} AND $__timeFilter(began_at)"
                " AND began_at > $__timeTo()::timestamptz - INTERVAL '1 day' ORDER BY 1",
                says="SI 单位;爆管在其发生的那一分钟可见 In SI units; a burst shows in its minute",
                span=24,
            ),
            bars(
                "理由 Reasons",
                f"SELECT detector || ': ' || reason AS reason, count(*) AS findings FROM {_FOUND}"
                " GROUP BY 1 ORDER BY 2 DESC LIMIT 20",
            ),
            bars(
                "各分区 By zone",
                f"SELECT coalesce(zone_id, '-') AS zone, count(*) AS findings FROM {_FOUND}"
                " GROUP BY 1 ORDER BY 2 DESC LIMIT 20",
            ),
            listing(
                "判定 Findings",
                "SELECT detected_at, kind, subject, zone_id, reason, round(probability::numeric, 2) AS probability,"
                " round(flow_m3_per_h::numeric, 1) AS flow_m3_per_h, candidates->0->>'asset_id' AS likeliest,"
                f" candidates->0->>'probability' AS its_probability FROM {_FOUND} ORDER BY detected_at DESC LIMIT 200",
            ),
        ],
        variables=("city", "sensor"),
        days=30,
    )
