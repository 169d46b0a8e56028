"""Flood and nowcast: depth now, depth expected, how good the forecast's ground is."""

from deploy.grafana.panels import IN_CITY, bars, compose, curve, listing, number
from deploy.grafana.sdk import Dashboard


def board() -> Dashboard:
    """The dashboard."""
    return compose(
        "flood",
        "内涝与短临预报 Flood and nowcast",
        "积水深度、30/60 分钟预报与依据 Depth, the next 30 and 60 minutes, and what they rest on (P6.5)",
        [
            number(
                "积水报警 Flood alarms",
                f"SELECT count(*) FROM dashboard.alarm WHERE live AND kind = 'flood' AND {IN_CITY}",
                steps={None: "green", 1: "red"},
            ),
            number(
                "预警点 Places warned of",
                f"SELECT count(*) FROM dashboard.flood_forecast WHERE warned <> 'none' AND {IN_CITY}",
                steps={None: "green", 1: "orange"},
            ),
            number(
                "一小时最大深度 Highest within the hour",
                f"SELECT max(quantiles_60_m[3]) FROM dashboard.flood_forecast WHERE {IN_CITY}",
                unit="lengthm",
                says="90 % 分位 90 % quantile",
                steps={None: "green", 0.15: "orange", 0.4: "red"},
            ),
            number(
                "预报数据时龄 Age of data",
                f"SELECT max(data_age_s) FROM dashboard.flood_forecast WHERE {IN_CITY}",
                unit="s",
                steps={None: "green", 600: "orange"},
            ),
            number(
                "建议封路 Closures advised",
                f"SELECT count(*) FROM dashboard.flood_forecast WHERE closure IS NOT NULL AND {IN_CITY}",
                steps={None: "green", 1: "red"},
            ),
            number(
                "传感器未知 Sensors unknown",
                "SELECT count(*) FROM dashboard.sensor_now WHERE quantity = 'water_depth' AND silent AND " + IN_CITY,
                says="失联即未知,不当作 0 厘米 Silent is unknown, never 0 cm",
                steps={None: "green", 1: "orange"},
            ),
            curve(
                "积水深度 Depth",
                "SELECT began_at AS time, 'depth' AS metric, max AS depth FROM dashboard.minute"
                " WHERE sensor_id = ${gauge:sqlstring} AND $__timeFilter(began_at) ORDER BY 1",
                unit="lengthm",
                steps={None: "transparent", 0.15: "orange", 0.27: "red"},
            ),
            curve(
                "降雨强度 Rain",
                "SELECT began_at AS time, sensor_id AS metric, mean * 3.6e6 AS rain FROM dashboard.minute"
                f" WHERE quantity = 'rain_intensity' AND $__timeFilter(began_at) AND {IN_CITY} ORDER BY 1",
                unit="mm",
                says="毫米/小时 mm/h",
            ),
            bars(
                "预报依据 Rungs in use",
                "SELECT rung, count(*) AS places FROM dashboard.flood_forecast"
                f" WHERE {IN_CITY} GROUP BY 1 ORDER BY 2 DESC",
                says="完整模型 → 无降雨预报 → 线性外推 → 阈值",
            ),
            bars(
                "判定原因 Why findings were made",
                "SELECT reason, count(*) AS findings FROM dashboard.finding WHERE kind = 'flood'"
                f" AND $__timeFilter(detected_at) AND {IN_CITY} GROUP BY 1 ORDER BY 2 DESC",
            ),
            listing(
                "预报 Forecasts",
                "SELECT sensor_id, made_at, rung, round(depth_m::numeric, 2) AS depth_m, warned,"
                " probability_60, quantiles_60_m, crossing_min, array_to_string(reasons, ', ') AS reasons"
                f" FROM dashboard.flood_forecast WHERE {IN_CITY}"
                " ORDER BY quantiles_60_m[3] DESC NULLS LAST LIMIT 200",
            ),
        ],
        variables=("city", "gauge"),
        days=0.25,
    )
