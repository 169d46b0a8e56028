"""Alarm key figures of EEMUA 191 and ISA-18.2: is the list one that people can work with?"""

from deploy.grafana.panels import IN_CITY, bars, compose, curve, listing, number
from deploy.grafana.sdk import Dashboard

_OPENED = f"dashboard.alarm WHERE $__timeFilter(opened_at) AND {IN_CITY}"
_TENS = (
    "SELECT bucket AS at, count(alarm_id) AS alarms FROM generate_series("
    "time_bucket('10 minutes', $__timeFrom()::timestamptz), $__timeTo()::timestamptz, INTERVAL '10 minutes') bucket"
    " LEFT JOIN dashboard.alarm ON opened_at >= bucket AND opened_at < bucket + INTERVAL '10 minutes'"
    f" AND {IN_CITY} GROUP BY 1"
)


def board() -> Dashboard:
    """The dashboard."""
    return compose(
        "alarms",
        "报警指标 Alarm figures (EEMUA 191)",
        "报警负荷、洪泛、响应时间 Load, alarm flood, time to answer (P11.1); limits: EEMUA 191, ISA-18.2",
        [
            number(
                "每十分钟均数 Mean in 10 minutes",
                f"SELECT avg(alarms) FROM ({_TENS}) tens",
                says="EEMUA 191:每席每十分钟不超过 1 At most 1 for each operator",
                steps={None: "green", 1: "orange", 2: "red"},
            ),
            number(
                "洪泛时间占比 Time in flood",
                f"SELECT avg((alarms > 10)::int) FROM ({_TENS}) tens",
                unit="percentunit",
                says="十分钟超过 10 条 More than 10 in 10 minutes; at most 1 %",
                steps={None: "green", 0.01: "red"},
            ),
            number(
                "最多 Worst 10 minutes", f"SELECT max(alarms) FROM ({_TENS}) tens", steps={None: "green", 11: "red"}
            ),
            number(
                "确认中位数 To acknowledge",
                "SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM acknowledged_at - opened_at))"
                f" FROM {_OPENED}",
                unit="s",
                steps={None: "green", 180: "orange"},
            ),
            number(
                "派单中位数 To dispatch",
                "SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM dispatched_at - opened_at))"
                f" FROM {_OPENED}",
                unit="s",
                steps={None: "green", 300: "orange"},
            ),
            number(
                "陈旧 Stale",
                "SELECT count(*) FROM dashboard.alarm WHERE live AND opened_at < now() - INTERVAL '24 hours'"
                f" AND {IN_CITY}",
                says="未结超过 24 小时 Live for more than 24 hours",
                steps={None: "green", 5: "orange"},
            ),
            curve(
                "每十分钟报警 Alarms in 10 minutes",
                f"SELECT at AS time, 'alarms' AS metric, alarms FROM ({_TENS}) tens ORDER BY 1",
                bars=True,
                steps={None: "green", 10: "red"},
            ),
            curve(
                "通知 Notices",
                "SELECT $__timeGroup(created_at, '10m') AS time, channel AS metric, count(*) AS notices"
                " FROM dashboard.notice WHERE $__timeFilter(created_at) GROUP BY 1, 2 ORDER BY 1",
                bars=True,
                stacked=True,
            ),
            bars(
                "前十来源 Top ten sources",
                f"SELECT subject, count(*) AS alarms FROM {_OPENED} GROUP BY 1 ORDER BY 2 DESC LIMIT 10",
            ),
            bars(
                "反复 Chatter",
                f"SELECT subject, count(*) AS alarms FROM {_OPENED} GROUP BY subject, time_bucket('1 hour', opened_at)"
                " HAVING count(*) >= 3 ORDER BY 2 DESC LIMIT 10",
                says="一小时内三次以上 Three or more within an hour",
            ),
            listing(
                "未送达 Not delivered",
                "SELECT alarm_id, channel, state, attempts, created_at, last_error FROM dashboard.notice"
                " WHERE state = 'dead' AND $__timeFilter(created_at) ORDER BY created_at DESC LIMIT 100",
                span=12,
                alarm_links=True,
            ),
            listing(
                "办结最久 Longest to close",
                "SELECT alarm_id, title_zh, level_name, opened_at, closed_at, closed_at - opened_at AS took"
                f" FROM {_OPENED} AND closed_at IS NOT NULL ORDER BY closed_at - opened_at DESC LIMIT 100",
                span=12,
                alarm_links=True,
            ),
        ],
        days=7,
    )
