-- name: one_at_a_time
-- Held until the transaction ends; false: another job is at it. No row lock: that would take a transaction number early
-- and hold back all who follow commits.
SELECT pg_try_advisory_xact_lock(hashtext('lifeline rollup ' || %(width)s)) AS ours

-- name: job
-- How far the job is, how far it may go, and whether the arrivals behind its position are kept. A position from ahead
-- comes from another server (a restored dump).
SELECT j.position, coalesce(j.upto, s.ahead) AS upto, j.parts_done, j.history_from IS NOT NULL AS in_history, s.ahead,
       j.position > s.ahead OR coalesce(f.old AND j.position < f.xid, false) AS stale
FROM rollup_job j
CROSS JOIN (SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint AS ahead) s
LEFT JOIN (
    SELECT arrival.xid::text::bigint AS xid, committed_at < now() - interval '1 day' AS old
    FROM arrival ORDER BY arrival.xid LIMIT 1
) f ON true
WHERE j.width = %(width)s

-- name: start_again
-- The position is lost: take the present one, and go through the history from the oldest reading that may have come
-- since: received up to an hour before the last commit that is rolled up, because it may have been held back.
UPDATE rollup_job
SET position = %(ahead)s, committed_at = now(), upto = NULL, parts_done = 0, history_from = least(history_from, (
        SELECT coalesce(min(observed_at), 'infinity') FROM reading
        WHERE received_at >= committed_at - interval '1 hour'
    ))
WHERE width = %(width)s

-- name: arrivals
-- The next transactions that added readings, whole.
SELECT arrival.xid::text::bigint AS xid, received_from, received_to, observed_from, observed_to, readings,
       committed_at
FROM arrival
WHERE arrival.xid >= %(position)s::text::xid8 AND arrival.xid < %(upto)s::text::xid8
ORDER BY arrival.xid
FETCH FIRST %(limit)s ROWS WITH TIES

-- name: readings_per_s
-- What all sensors together are expected to send.
SELECT coalesce(sum(1 / interval_s), 0) AS readings_per_s FROM sensor

-- name: next_observed
-- The first instant of the history still to do that has a reading; one index look-up per sensor.
SELECT min(r.observed_at) AS observed_at
FROM sensor s
CROSS JOIN LATERAL (
    SELECT observed_at FROM reading
    WHERE sensor_key = s.sensor_key AND observed_at >= (SELECT history_from FROM rollup_job WHERE width = %(width)s)
    ORDER BY observed_at LIMIT 1
) r

-- name: look_up_by_index
-- The planner knows nothing of the touched buckets: without this it may read whole chunks to fill a few.
SET LOCAL enable_hashjoin = off;
SET LOCAL enable_mergejoin = off;
SET LOCAL jit = off

-- name: touched_by_arrivals
-- The buckets in which readings were received in a span; part of `recompute`.
SELECT DISTINCT sensor_key, time_bucket(%(step)s::interval, observed_at) AS began_at
FROM reading
WHERE received_at BETWEEN %(received_from)s AND %(received_to)s
  AND observed_at BETWEEN %(observed_from)s AND %(observed_to)s

-- name: touched_by_history
-- The buckets in which readings were observed in a span; part of `recompute`.
SELECT DISTINCT s.sensor_key, time_bucket(%(step)s::interval, r.observed_at) AS began_at
FROM sensor s
CROSS JOIN LATERAL (
    SELECT observed_at FROM reading
    WHERE sensor_key = s.sensor_key AND observed_at BETWEEN %(observed_from)s AND %(observed_to)s
) r

-- name: recompute
-- Fills the touched buckets from the readings themselves. Readings are only ever added, so a bucket changes when there
-- are more than before; where there are fewer, retention has removed some, and the bucket stays as it was.
WITH touched AS MATERIALIZED (
    $touched
)
INSERT INTO $rollup AS kept (sensor_key, began_at, readings, good, usable, min, max, mean, last)
SELECT t.sensor_key, t.began_at, r.readings, r.good, r.usable, r.min, r.max, r.mean, r.last
FROM touched t
CROSS JOIN LATERAL (
    SELECT count(*) AS readings,
           count(*) FILTER (WHERE quality = 0) AS good,
           count(*) FILTER (WHERE quality <= 1) AS usable,
           min(value) FILTER (WHERE quality <= 1) AS min,
           max(value) FILTER (WHERE quality <= 1) AS max,
           avg(value) FILTER (WHERE quality <= 1) AS mean,
           last(value, observed_at) FILTER (WHERE quality <= 1) AS last
    FROM reading
    WHERE sensor_key = t.sensor_key
      AND observed_at >= t.began_at AND observed_at < t.began_at + %(step)s::interval
      AND observed_at > %(observed_from)s::timestamptz - %(step)s::interval
      AND observed_at < %(observed_to)s::timestamptz + %(step)s::interval
) r
WHERE NOT EXISTS (
    SELECT FROM $rollup k WHERE k.sensor_key = t.sensor_key AND k.began_at = t.began_at AND k.readings >= r.readings
)
ON CONFLICT (sensor_key, began_at) DO UPDATE
SET readings = excluded.readings, good = excluded.good, usable = excluded.usable, min = excluded.min,
    max = excluded.max, mean = excluded.mean, last = excluded.last
WHERE excluded.readings > kept.readings

-- name: move
-- All parts are done: the job's new position.
UPDATE rollup_job SET position = %(upto)s, committed_at = %(committed_at)s, upto = NULL, parts_done = 0
WHERE width = %(width)s

-- name: move_part
-- One more part is done of the arrivals from the position up to `upto`.
UPDATE rollup_job SET upto = %(upto)s, parts_done = parts_done + 1 WHERE width = %(width)s

-- name: move_history
-- How far the job is in the history; empty: through.
UPDATE rollup_job SET history_from = %(history_from)s WHERE width = %(width)s

-- name: rollup
-- Roll-ups of some sensors that began in a span.
COPY (
    SELECT sensor_key, began_at, readings, min, max, mean, last, good::double precision / readings AS good_share
    FROM (
        SELECT sensor_key, began_at, readings, good, coalesce(min, 'NaN') AS min, coalesce(max, 'NaN') AS max,
               coalesce(mean, 'NaN') AS mean, coalesce(last, 'NaN') AS last
        FROM $rollup
        WHERE sensor_key = ANY (%(sensor_keys)s::integer[]) AND began_at >= %(start)s AND began_at < %(end)s
    ) r
    ORDER BY sensor_key, began_at
) TO STDOUT (FORMAT binary)
