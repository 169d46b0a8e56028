-- name: newest_first
-- Readings of some sensors in a span of time, the newest first.
SELECT r.sensor_key, r.observed_at, r.received_at, r.value, r.quality, r.reason
FROM unnest(%(sensor_keys)s::int[]) AS wanted (sensor_key)
CROSS JOIN LATERAL (
    SELECT sensor_key, observed_at, received_at, value, quality, reason
    FROM reading
    WHERE sensor_key = wanted.sensor_key AND observed_at >= %(start)s AND observed_at < %(end)s
    ORDER BY observed_at DESC
    LIMIT %(limit)s
) r
ORDER BY r.observed_at DESC, r.sensor_key DESC
LIMIT %(limit)s

-- name: oldest_first
-- The same, the oldest first.
SELECT r.sensor_key, r.observed_at, r.received_at, r.value, r.quality, r.reason
FROM unnest(%(sensor_keys)s::int[]) AS wanted (sensor_key)
CROSS JOIN LATERAL (
    SELECT sensor_key, observed_at, received_at, value, quality, reason
    FROM reading
    WHERE sensor_key = wanted.sensor_key AND observed_at >= %(start)s AND observed_at < %(end)s
    ORDER BY observed_at
    LIMIT %(limit)s
) r
ORDER BY r.observed_at, r.sensor_key
LIMIT %(limit)s

-- name: count
-- How many readings of some sensors there are in a span of time.
SELECT count(*)
FROM reading
WHERE sensor_key = ANY(%(sensor_keys)s) AND observed_at >= %(start)s AND observed_at < %(end)s
