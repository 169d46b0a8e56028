-- name: sensors
-- Sensors by id; of all cities where no code is given; retired ones only on demand.
SELECT sensor_id, device_id, channel, quantity, unit, site, lon, lat, name_zh, name_en, interval_s, range_min, range_max,
       city_code, zone_id, element, elevation_m, sensor_key
FROM sensor
WHERE (%(city_code)s::text IS NULL OR city_code = %(city_code)s) AND (%(include_retired)s OR retired_at IS NULL)
ORDER BY sensor_id
