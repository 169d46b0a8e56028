"""Model quality: what forecasts were worth on storms not seen, and what people say about what was found."""

from deploy.grafana.panels import IN_CITY, bars, compose, curve, listing, number
from deploy.grafana.sdk import Dashboard

_VERDICT = f"dashboard.verdict WHERE $__timeFilter(said_at) AND {IN_CITY}"
_ENDED = f"dashboard.alarm WHERE NOT live AND $__timeFilter(opened_at) AND {IN_CITY}"


def board() -> Dashboard:
    """The dashboard."""
    return compose(
        "models",
        "模型质量 Model quality",
        "预报模型在未见暴雨上的成绩、人工核查结果、误报 Scores on unseen storms, verdicts, false alarms",
        [
            number(
                "在用预报模型 Models in use", f"SELECT count(*) FROM dashboard.flood_model WHERE active AND {IN_CITY}"
            ),
            number(
                "最旧训练 Oldest training",
                "SELECT extract(epoch FROM now() - min(trained_at)) FROM dashboard.flood_model"
                f" WHERE active AND {IN_CITY}",
                unit="s",
                steps={None: "green", 365 * 86400: "orange"},
            ),
            number(
                "降级预报 Not on the full model",
                "SELECT avg((rung <> 'full')::int) FROM dashboard.flood_forecast WHERE " + IN_CITY,
                unit="percentunit",
                steps={None: "green", 0.01: "orange"},
            ),
            number(
                "核实率 Share confirmed",
                f"SELECT avg((said = 'confirmed')::int) FROM {_VERDICT} AND said <> 'unusual-use'",
                unit="percentunit",
            ),
            number(
                "误报率 Share cancelled",
                f"SELECT avg((state = 'cancelled')::int) FROM {_ENDED}",
                unit="percentunit",
                steps={None: "green", 0.2: "orange"},
            ),
            number(
                "待核查 Without verdict",
                f"""
                SELECT count(*) FROM dashboard.finding f WHERE kind IN ('leak', 'burst') AND phase = 'onset'
                AND $__timeFilter(detected_at) AND {IN_CITY}
                AND NOT EXISTS (SELECT FROM dashboard.verdict v WHERE v.subject = f.subject)""",
            ),
            curve(
                "核查结果 Verdicts",
                f"SELECT $__timeGroup(said_at, '7d') AS time, said AS metric, count(*) AS verdicts FROM {_VERDICT}"
                " GROUP BY 1, 2 ORDER BY 1",
                bars=True,
                stacked=True,
            ),
            bars(
                "各类误报 Cancelled by kind",
                "SELECT kind, count(*) FILTER (WHERE state = 'cancelled') AS cancelled, count(*) AS alarms"
                f" FROM {_ENDED} GROUP BY 1 ORDER BY 2 DESC",
            ),
            listing(
                "预报模型 Flood models",
                "SELECT model_id, city_code, trained_at, active, figures FROM dashboard.flood_model"
                f" WHERE {IN_CITY} ORDER BY active DESC, trained_at DESC LIMIT 50",
            ),
        ],
        days=365,
    )
