-- name: sensors
-- Sensors by id; of all cities where no code is given; retired ones only on demand.
SELECT sensor_id, device_id, channel, quantity, unit, site, lon, lat, name_zh, name_en, interval_s, range_min, range_max,
       city_code, zone_id, element, elevation_m, sensor_key
FROM sensor
WHERE (%(city_code)s::text IS NULL OR city_code = %(city_code)s) AND (%(include_retired)s OR retired_at IS NULL)
ORDER BY sensor_id

-- name: version
-- Another number after every change of a sensor: each writes a new row version under a higher transaction number.
SELECT count(*) AS sensors, coalesce(sum(xmin::text::bigint), 0)::bigint AS version FROM sensor
