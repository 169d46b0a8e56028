-- name: cities
-- Names, local time and thresholds of cities.
SELECT city_code AS key, name_zh AS zh, name_en AS en, timezone, levels, lon, lat
FROM city WHERE city_code = ANY(%(keys)s)

-- name: zones
-- Names and kinds of zones.
SELECT zone_id AS key, name_zh AS zh, name_en AS en, kind, district FROM zone WHERE zone_id = ANY(%(keys)s)

-- name: sensors
-- Names of sensors and what they sit on.
SELECT sensor_id AS key, name_zh AS zh, name_en AS en, site FROM sensor WHERE sensor_id = ANY(%(keys)s)
