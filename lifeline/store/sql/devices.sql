-- name: device_keys
-- The numbers of devices, new ones recorded; in the order of their ids so that two writers never deadlock.
INSERT INTO device_total (device_id, city_code)
SELECT device_id, city_code FROM unnest(%(device_ids)s::text[], %(city_codes)s::text[]) AS t (device_id, city_code)
ORDER BY device_id
ON CONFLICT (device_id) DO UPDATE SET city_code = coalesce(excluded.city_code, device_total.city_code)
RETURNING device_id, device_key

-- name: copy_tallies
-- Adds what a transaction brought to each device.
COPY tally (device_key, seen_at, observed_at, clock_skew_s, received, stored, duplicate, conflict, rejected)
FROM STDIN (FORMAT binary)

-- name: note_states
-- The newest birth or death of each device stands.
UPDATE device_total d SET online = s.online, state_at = s.at
FROM unnest(%(device_keys)s::integer[], %(onlines)s::boolean[], %(ats)s::timestamptz[]) AS s (device_key, online, at)
WHERE d.device_key = s.device_key AND s.at >= coalesce(d.state_at, '-infinity')

-- name: fold_alone
-- One process folds at a time.
SELECT pg_try_advisory_xact_lock(hashtext('lifeline.tally')) AS got

-- name: fold_tallies
-- Moves all tallies into the totals. The clock's error is the median of the last 15 measurements, a minute apart: a batch
-- that was held up on its way, or a single wrong time, does not move it, and a device that sends what it has kept for
-- a day shows by their spread that it is not its clock.
WITH gone AS (
    DELETE FROM tally RETURNING *
), added AS (
    SELECT device_key,
           min(seen_at) FILTER (WHERE seen_at > '-infinity') AS first_seen_at,
           max(seen_at) FILTER (WHERE seen_at > '-infinity') AS last_seen_at,
           max(observed_at) FILTER (WHERE observed_at > '-infinity') AS last_observed_at,
           greatest(least(max(clock_skew_s) FILTER (WHERE clock_skew_s <> 'NaN'), 1e12), -1e12) AS clock_skew_s,
           sum(received) AS received, sum(stored) AS stored, sum(duplicate) AS duplicate,
           sum(conflict) AS conflict, sum(rejected) AS rejected
    FROM gone GROUP BY device_key
), measured AS (
    SELECT d.device_key, s.skews, q.quartiles
    FROM added a JOIN device_total d USING (device_key),
    LATERAL (SELECT (a.clock_skew_s::real || coalesce(d.clock_skews, '{}'))[1:15] AS skews) s,
    LATERAL (SELECT percentile_cont('{0.25,0.5,0.75}'::float8[]) WITHIN GROUP (ORDER BY one) AS quartiles
             FROM unnest(s.skews) one) q
    WHERE a.clock_skew_s IS NOT NULL
      AND (d.clock_measured_at IS NULL OR a.last_seen_at >= d.clock_measured_at + interval '50 seconds')
)
UPDATE device_total d SET
    first_seen_at = coalesce(d.first_seen_at, a.first_seen_at),
    last_seen_at = greatest(d.last_seen_at, a.last_seen_at),
    last_observed_at = greatest(d.last_observed_at, a.last_observed_at),
    received = d.received + a.received,
    stored = d.stored + a.stored,
    duplicate = d.duplicate + a.duplicate,
    conflict = d.conflict + a.conflict,
    rejected = d.rejected + a.rejected,
    clock_measured_at = CASE WHEN m.skews IS NULL THEN d.clock_measured_at ELSE a.last_seen_at END,
    clock_skews = coalesce(m.skews, d.clock_skews),
    clock_skew_s = CASE WHEN m.skews IS NULL THEN d.clock_skew_s ELSE m.quartiles[2] END,
    clock_spread_s = CASE WHEN m.skews IS NULL THEN d.clock_spread_s ELSE m.quartiles[3] - m.quartiles[1] END
FROM added a LEFT JOIN measured m USING (device_key)
WHERE d.device_key = a.device_key

-- name: devices
-- All devices that ever spoke.
SELECT device_id, city_code, online, state_at, first_seen_at, last_seen_at, last_observed_at, clock_skew_s,
       received, stored, duplicate, conflict, rejected
FROM device ORDER BY device_id

-- name: standings
-- Devices that a pack or an operator names, with what liveness is judged by. The interval is
-- that of the device's busiest sensor.
SELECT k.device_id, k.city_code,
       d.online, d.state_at, d.first_seen_at, d.last_seen_at, d.last_observed_at, d.clock_skew_s,
       coalesce(array_length(t.clock_skews, 1), 0) AS measured, coalesce(t.clock_spread_s, 0) AS clock_spread_s,
       k.interval_s, coalesce(k.sensors, 0) AS sensors, coalesce(k.adopted, false) AS adopted,
       coalesce(d.received, 0) AS received, coalesce(d.stored, 0) AS stored, coalesce(d.rejected, 0) AS rejected
FROM (
    SELECT city_code, device_id, min(interval_s) AS interval_s, count(*) AS sensors,
           bool_or(adopted_at IS NOT NULL) AS adopted
    FROM sensor WHERE retired_at IS NULL GROUP BY city_code, device_id
) k
LEFT JOIN device d ON d.device_id = k.device_id
LEFT JOIN device_total t ON t.device_id = k.device_id
WHERE %(city_code)s::text IS NULL OR k.city_code = %(city_code)s
ORDER BY 1

-- name: newest_readings
-- The sensors of a device, each with its newest reading.
SELECT s.sensor_id, s.channel, s.quantity, s.interval_s, r.observed_at, r.received_at
FROM sensor s
LEFT JOIN LATERAL (
    SELECT observed_at, received_at FROM reading WHERE sensor_key = s.sensor_key ORDER BY observed_at DESC LIMIT 1
) r ON true
WHERE s.device_id = %(device_id)s AND s.retired_at IS NULL
ORDER BY s.sensor_id

-- name: off_clocks
-- City and id of devices whose clocks are measured to be behind.
SELECT d.city_code, d.device_id FROM device_total d
WHERE d.city_code IS NOT NULL AND d.clock_skew_s < %(behind_s)s AND array_length(d.clock_skews, 1) >= %(measured)s
  AND coalesce(d.clock_spread_s, 0) <= %(steady_s)s

-- name: adopt
-- A sensor that an operator adds; one of that id that is in use is not touched.
INSERT INTO sensor (sensor_id, city_code, device_id, channel, quantity, unit, site, zone_id, element, lon, lat, elevation_m,
                    interval_s, range_min, range_max, name_zh, name_en, adopted_at)
VALUES (%(sensor_id)s, %(city_code)s, %(device_id)s, %(channel)s, %(quantity)s, %(unit)s, %(site)s, %(zone_id)s,
        %(element)s, %(lon)s, %(lat)s, %(elevation_m)s, %(interval_s)s, %(range_min)s, %(range_max)s, %(name_zh)s,
        %(name_en)s, %(now)s)
ON CONFLICT (sensor_id) DO UPDATE
SET device_id = excluded.device_id, channel = excluded.channel, quantity = excluded.quantity, unit = excluded.unit,
    site = excluded.site, zone_id = excluded.zone_id, element = excluded.element, lon = excluded.lon, lat = excluded.lat,
    elevation_m = excluded.elevation_m, interval_s = excluded.interval_s, range_min = excluded.range_min,
    range_max = excluded.range_max, name_zh = excluded.name_zh, name_en = excluded.name_en, retired_at = NULL,
    adopted_at = excluded.adopted_at
WHERE sensor.retired_at IS NOT NULL AND sensor.city_code = excluded.city_code
RETURNING sensor_id

-- name: channel_owner
-- Whose a channel of a device is.
SELECT sensor_id, city_code FROM sensor
WHERE device_id = %(device_id)s AND channel = %(channel)s AND retired_at IS NULL

-- name: city_changed
-- The city is no longer what its pack alone says: detectors look at it anew, and the same pack can be loaded again.
UPDATE city SET sha256 = encode(sha256(convert_to(sha256 || %(what)s, 'UTF8')), 'hex') WHERE city_code = %(city_code)s

-- name: retire
-- Retires the sensors of a device that operators added; the readings stay.
UPDATE sensor SET retired_at = %(now)s
WHERE device_id = %(device_id)s AND retired_at IS NULL AND adopted_at IS NOT NULL
RETURNING sensor_id, city_code
