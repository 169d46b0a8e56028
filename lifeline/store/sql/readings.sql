-- name: copy_readings
-- Adds readings that must be new.
COPY reading (sensor_key, observed_at, received_at, value, quality, reason) FROM STDIN (FORMAT binary)

-- name: record_arrival
-- Says that this transaction added readings, for those who follow.
INSERT INTO arrival (received_from, received_to, observed_from, observed_to, readings)
VALUES (%(received_from)s, %(received_to)s, %(observed_from)s, %(observed_to)s, %(readings)s)

-- name: create_offered
-- Where readings are laid out to be compared with those that are stored; of this session alone.
CREATE TEMPORARY TABLE IF NOT EXISTS offered (
    position integer NOT NULL, sensor_key integer NOT NULL, observed_at timestamptz NOT NULL
) ON COMMIT DELETE ROWS

-- name: copy_offered
-- Lays readings out.
COPY offered (position, sensor_key, observed_at) FROM STDIN (FORMAT binary)

-- name: clear_offered
-- For the next comparison of the same transaction.
TRUNCATE offered

-- name: look_up_by_index
-- The planner knows nothing of the offered readings: without this it may read whole chunks to find a few.
SET LOCAL enable_hashjoin = off;
SET LOCAL enable_mergejoin = off;
SET LOCAL jit = off

-- name: find_offered
-- Those of the offered readings that are stored; one index look-up each, in the chunks of their time span.
COPY (
    SELECT o.position, r.value
    FROM offered o
    JOIN reading r ON r.sensor_key = o.sensor_key AND r.observed_at = o.observed_at
    WHERE r.observed_at BETWEEN %(first)s AND %(last)s
) TO STDOUT (FORMAT binary)

-- name: add_conflicts
-- Second values for instants that have one; answers those that are new.
INSERT INTO conflict (sensor_key, observed_at, received_at, stored_value, offered_value)
SELECT * FROM unnest(
    %(sensor_keys)s::integer[], %(observed_ats)s::timestamptz[], %(received_ats)s::timestamptz[],
    %(stored_values)s::double precision[], %(offered_values)s::double precision[]
)
ON CONFLICT DO NOTHING
RETURNING sensor_key, observed_at, offered_value

-- name: readings_between
-- Readings of some sensors in a span of event time.
COPY (
    SELECT sensor_key, observed_at, value, quality FROM reading
    WHERE sensor_key = ANY (%(sensor_keys)s::integer[])
      AND observed_at >= %(start)s AND observed_at < %(end)s AND quality <= %(max_quality)s
    ORDER BY sensor_key, observed_at
) TO STDOUT (FORMAT binary)

-- name: latest
-- The newest reading of each sensor: one index look-up each.
COPY (
    SELECT k.sensor_key, r.observed_at, r.received_at, r.value, r.quality
    FROM (
        SELECT sensor_key FROM sensor
        WHERE %(sensor_keys)s::integer[] IS NULL OR sensor_key = ANY (%(sensor_keys)s::integer[])
    ) k
    CROSS JOIN LATERAL (
        SELECT observed_at, received_at, value, quality FROM reading
        WHERE sensor_key = k.sensor_key ORDER BY observed_at DESC LIMIT 1
    ) r
    ORDER BY k.sensor_key
) TO STDOUT (FORMAT binary)

-- name: one_snapshot
-- Position and rows of the same instant.
SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY

-- name: position
-- The oldest transaction that may still be running: all below have ended.
SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint AS xmin

-- name: arrivals
-- Transactions that added readings from one position up to another.
SELECT received_from, received_to, observed_from, observed_to
FROM arrival
WHERE xid >= %(since)s::text::xid8 AND xid < %(ahead)s::text::xid8
ORDER BY received_from

-- name: forgotten
-- The first arrival that is kept; when it is old, those before it are forgotten.
SELECT xid::text::bigint AS xid, committed_at < now() - interval '1 day' AS old FROM arrival ORDER BY arrival.xid LIMIT 1

-- name: received_between
-- Readings by reception, and by event time so that only their chunks are touched; without those that are for the record
-- alone (lifeline.reading.FOR_THE_RECORD).
COPY (
    SELECT sensor_key, observed_at, value, quality FROM reading
    WHERE received_at BETWEEN %(received_from)s AND %(received_to)s
      AND observed_at BETWEEN %(observed_from)s AND %(observed_to)s AND quality <= %(max_quality)s
      AND reason <> ALL (%(for_the_record)s::smallint[])
    ORDER BY sensor_key, observed_at
) TO STDOUT (FORMAT binary)

-- name: forget_arrivals
-- Arrivals are kept for a day; the newest older one stays as the mark of what is forgotten.
DELETE FROM arrival a
WHERE committed_at < now() - interval '1 day'
  AND EXISTS (SELECT FROM arrival b WHERE b.xid > a.xid AND b.committed_at < now() - interval '1 day')

-- name: conservation
-- The conservation law over all devices, beside the rows that prove it.
SELECT d.received, d.stored, d.duplicate, d.conflict, d.rejected,
       (SELECT count(*) FROM reading) AS rows,
       (SELECT coalesce(sum(readings), 0) FROM purge) AS purged,
       (SELECT count(*) FROM conflict) AS conflict_rows,
       (SELECT coalesce(sum(times), 0) FROM reject) AS reject_times
FROM (
    SELECT coalesce(sum(received), 0) AS received, coalesce(sum(stored), 0) AS stored,
           coalesce(sum(duplicate), 0) AS duplicate, coalesce(sum(conflict), 0) AS conflict,
           coalesce(sum(rejected), 0) AS rejected
    FROM device
) d
