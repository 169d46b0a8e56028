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
-- Moves all tallies into the totals.
WITH gone AS (
    DELETE FROM tally RETURNING *
), added AS (
    SELECT device_key,
           min(seen_at) FILTER (WHERE seen_at > '-infinity') AS first_seen_at,
           max(seen_at) FILTER (WHERE seen_at > '-infinity') AS last_seen_at,
           max(observed_at) FILTER (WHERE observed_at > '-infinity') AS last_observed_at,
           avg(clock_skew_s) FILTER (WHERE clock_skew_s <> 'NaN') AS clock_skew_s,
           sum(received) AS received, sum(stored) AS stored, sum(duplicate) AS duplicate,
           sum(conflict) AS conflict, sum(rejected) AS rejected
    FROM gone GROUP BY device_key
)
UPDATE device_total d SET
    first_seen_at = coalesce(d.first_seen_at, a.first_seen_at),
    last_seen_at = greatest(d.last_seen_at, a.last_seen_at),
    last_observed_at = greatest(d.last_observed_at, a.last_observed_at),
    clock_skew_s = coalesce(d.clock_skew_s * 0.8 + a.clock_skew_s * 0.2, a.clock_skew_s, d.clock_skew_s),
    received = d.received + a.received,
    stored = d.stored + a.stored,
    duplicate = d.duplicate + a.duplicate,
    conflict = d.conflict + a.conflict,
    rejected = d.rejected + a.rejected
FROM added a
WHERE d.device_key = a.device_key

-- name: devices
-- All devices that ever spoke.
SELECT device_id, city_code, online, state_at, first_seen_at, last_seen_at, last_observed_at, clock_skew_s,
       received, stored, duplicate, conflict, rejected
FROM device ORDER BY device_id
