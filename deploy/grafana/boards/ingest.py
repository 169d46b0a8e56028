"""Health of ingest: what comes, what is refused and why, who is silent, whose clock is off, who works."""

from deploy.grafana.panels import IN_CITY, bars, compose, curve, listing, number
from deploy.grafana.sdk import Dashboard

_LAW = "received - stored - duplicate - conflict - rejected"


def board() -> Dashboard:
    """The dashboard."""
    return compose(
        "ingest",
        "数据接入 Ingest health",
        "收到=入库+重复+冲突+拒收 received = stored + duplicate + conflict + rejected",
        [
            number(
                "守恒差 Conservation",
                f"SELECT coalesce(sum(abs({_LAW})), 0) FROM dashboard.device",
                says="必须为 0 Must be 0",
                steps={None: "green", 1: "red"},
            ),
            number("入库 Stored", "SELECT sum(stored) FROM dashboard.device"),
            number("拒收 Rejected", "SELECT sum(rejected) FROM dashboard.device", steps={None: "green", 1: "orange"}),
            number("冲突 Conflicts", "SELECT sum(conflict) FROM dashboard.device", steps={None: "green", 1: "orange"}),
            number(
                "时钟偏差设备 Clocks off",
                f"SELECT count(*) FROM dashboard.device WHERE abs(clock_skew_s) > 120 AND {IN_CITY}",
                says="超过两分钟 More than two minutes",
                steps={None: "green", 1: "orange"},
            ),
            number(
                "隔离设备 Quarantined",
                "SELECT count(*) FROM dashboard.stranger WHERE device_id <> ''",
                says="不在任何城市包中 In no city pack",
                steps={None: "green", 1: "orange"},
            ),
            curve(
                "入库读数 Readings",
                "SELECT $__timeGroup(began_at, '15m') AS time, city_code AS metric, sum(readings) AS readings"
                f" FROM dashboard.quarter WHERE $__timeFilter(began_at) AND {IN_CITY} GROUP BY 1, 2 ORDER BY 1",
                bars=True,
                stacked=True,
            ),
            curve(
                "优良率 Share good",
                "SELECT $__timeGroup(began_at, '15m') AS time, city_code AS metric,"
                " sum(good)::float / nullif(sum(readings), 0) AS good FROM dashboard.quarter"
                f" WHERE $__timeFilter(began_at) AND {IN_CITY} GROUP BY 1, 2 ORDER BY 1",
                unit="percentunit",
            ),
            bars(
                "拒收原因 Why rejected",
                "SELECT reason, sum(times) AS readings FROM dashboard.reject WHERE $__timeFilter(received_at)"
                " GROUP BY 1 ORDER BY 2 DESC",
            ),
            bars(
                "失联设备 Silent devices",
                "SELECT device_id, extract(epoch FROM now() - last_seen_at) AS silent FROM dashboard.device_silence"
                f" WHERE silent AND {IN_CITY} ORDER BY 2 DESC NULLS FIRST LIMIT 20",
                unit="s",
            ),
            listing(
                "各阶段 Stages",
                "SELECT stage, worker, started_at, beat_at, round(extract(epoch FROM now() - beat_at)) AS age_s"
                " FROM dashboard.stage ORDER BY 1, 2",
                span=12,
            ),
            listing(
                "时钟偏差 Clocks",
                "SELECT device_id, city_code, round(clock_skew_s::numeric) AS clock_skew_s, last_seen_at"
                f" FROM dashboard.device WHERE abs(clock_skew_s) > 120 AND {IN_CITY}"
                " ORDER BY abs(clock_skew_s) DESC LIMIT 100",
                span=12,
            ),
        ],
    )
