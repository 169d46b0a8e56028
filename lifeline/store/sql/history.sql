-- name: means
-- Readings condensed to one row per sensor and interval: their mean instant, mean, number and scatter.
COPY (
    SELECT sensor_key,
           avg(extract(epoch FROM observed_at))::double precision AS at_s,
           avg(value) AS value,
           count(*) AS readings,
           coalesce(stddev_pop(value), 0) AS spread
    FROM reading
    WHERE sensor_key = ANY (%(sensor_keys)s::integer[])
      AND observed_at >= %(start)s AND observed_at < %(end)s AND quality <= %(max_quality)s
    GROUP BY sensor_key, time_bucket(%(interval)s::interval, observed_at)
    ORDER BY sensor_key, at_s
) TO STDOUT (FORMAT binary)

-- name: span
-- The oldest and the newest reading of some sensors; one index look-up per sensor and end.
SELECT min(first_at) AS first_at, max(last_at) AS last_at
FROM unnest(%(sensor_keys)s::integer[]) AS k (sensor_key)
CROSS JOIN LATERAL (
    SELECT (SELECT observed_at FROM reading WHERE sensor_key = k.sensor_key ORDER BY observed_at LIMIT 1) AS first_at,
           (SELECT observed_at FROM reading WHERE sensor_key = k.sensor_key ORDER BY observed_at DESC LIMIT 1) AS last_at
) ends
