-- name: add
-- A silence of a sensor or a zone that the city has.
INSERT INTO silence (city_code, sensor_id, zone_id, begins_at, ends_at, why, made_at, made_by)
SELECT known.city_code, %(sensor_id)s, %(zone_id)s, %(begins_at)s, %(ends_at)s, %(why)s, %(now)s, %(by)s
FROM (
    SELECT city_code FROM sensor WHERE sensor_id = %(sensor_id)s AND retired_at IS NULL
    UNION ALL
    SELECT city_code FROM zone WHERE zone_id = %(zone_id)s
) known
RETURNING silence_id, city_code

-- name: city
-- Whose sensor or zone it is.
SELECT city_code FROM sensor WHERE sensor_id = %(sensor_id)s AND retired_at IS NULL
UNION ALL
SELECT city_code FROM zone WHERE zone_id = %(zone_id)s

-- name: end
-- A person ends it before its time.
UPDATE silence SET ended_at = greatest(%(now)s, begins_at), ended_by = %(by)s
WHERE silence_id = %(silence_id)s AND ended_at IS NULL AND ends_at > %(now)s
RETURNING sensor_id, zone_id

-- name: in_force
-- What is silent at an instant, with all sensors that it makes silent.
SELECT s.silence_id, s.city_code, s.sensor_id, s.zone_id, s.begins_at, s.ends_at, s.why, s.made_at, s.made_by,
       s.ended_at, s.ended_by,
       CASE WHEN s.sensor_id IS NOT NULL THEN ARRAY[s.sensor_id]
            ELSE ARRAY(SELECT sensor.sensor_id FROM sensor WHERE sensor.zone_id = s.zone_id) END AS sensor_ids
FROM silence s
WHERE s.ended_at IS NULL AND s.begins_at <= %(now)s AND s.ends_at > %(now)s
ORDER BY s.silence_id

-- name: silences
-- A page of silences, newest first; empty filters let everything pass.
SELECT silence_id, city_code, sensor_id, zone_id, begins_at, ends_at, why, made_at, made_by, ended_at, ended_by,
       ARRAY[]::text[] AS sensor_ids
FROM silence
WHERE silence_id < %(before)s
  AND (%(cities)s::text[] IS NULL OR city_code = ANY(%(cities)s))
  AND (%(sensor_id)s::text IS NULL OR sensor_id = %(sensor_id)s)
  AND (%(zone_id)s::text IS NULL OR zone_id = %(zone_id)s)
  AND (%(not_over_at)s::timestamptz IS NULL OR (ended_at IS NULL AND ends_at > %(not_over_at)s))
ORDER BY silence_id DESC
LIMIT %(limit)s

-- name: silence
-- One silence.
SELECT silence_id, city_code, sensor_id, zone_id, begins_at, ends_at, why, made_at, made_by, ended_at, ended_by,
       ARRAY[]::text[] AS sensor_ids
FROM silence WHERE silence_id = %(silence_id)s
