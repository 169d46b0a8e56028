-- name: holdings
-- What is kept of a kind: rows (counted up to a gigabyte, beyond that the planner's estimate), bytes with indexes, and
-- the oldest and newest instant of its chunks.
SELECT CASE WHEN s.bytes < 1e9 THEN (SELECT count(*) FROM $table) ELSE approximate_row_count('$table') END AS rows,
       s.bytes < 1e9 AS counted, s.bytes, c.chunks, c.first_at, c.last_at
FROM (SELECT hypertable_size('$table') AS bytes) s
CROSS JOIN (
    SELECT count(*) AS chunks, min(range_start) AS first_at, max(range_end) AS last_at
    FROM timescaledb_information.chunks WHERE hypertable_name = '$table'
) c

-- name: old_chunks
-- Chunks that lie wholly before an instant, oldest first.
SELECT chunk_schema, chunk_name, range_start, range_end
FROM timescaledb_information.chunks
WHERE hypertable_name = '$table' AND range_end <= %(older_than)s
ORDER BY range_start

-- name: patience
-- Somebody works on that chunk: better to come again than to make others queue behind us.
SET LOCAL lock_timeout = '5s'

-- name: one_at_a_time
-- Held until the transaction ends.
SELECT pg_advisory_xact_lock(hashtext('lifeline retention'))

-- name: still_there
-- Another may have removed the chunk meanwhile.
SELECT to_regclass('$chunk') IS NOT NULL AS there

-- name: hold_chunk
-- From here on nobody adds to the chunk; readers and those who follow commits are not held up.
LOCK TABLE ONLY $chunk IN SHARE MODE

-- name: count_chunk
-- The readings that are about to be removed.
SELECT count(*) AS readings FROM $chunk

-- name: unrolled
-- Widths whose roll-ups may lack readings of a span of event time.
SELECT j.width
FROM rollup_job j
WHERE j.history_from < %(range_end)s
   OR j.position > pg_snapshot_xmin(pg_current_snapshot())::text::bigint
   OR EXISTS (
       SELECT FROM arrival a
       WHERE a.xid >= j.position::text::xid8
         AND a.observed_from < %(range_end)s AND a.observed_to >= %(range_start)s
   )
   OR EXISTS (
       SELECT FROM (SELECT xid, committed_at FROM arrival ORDER BY xid LIMIT 1) f
       WHERE f.xid > j.position::text::xid8 AND f.committed_at < now() - interval '1 day'
   )
ORDER BY j.width

-- name: drop_chunk
-- Removes the one chunk of a span.
SELECT drop_chunks('$table', older_than => %(range_end)s::timestamptz, newer_than => %(range_start)s::timestamptz)

-- name: record_purge
-- So that the conservation law still adds up.
INSERT INTO purge (purged_at, older_than, readings) VALUES (%(now)s, %(older_than)s, %(readings)s)

-- name: purged
-- Readings that retention has removed so far.
SELECT coalesce(sum(readings), 0)::bigint AS readings, max(older_than) AS older_than FROM purge

-- name: compressible
-- Whether the kind is set up for compression, and how old its chunks are when the policy in force compresses them.
SELECT h.compression_enabled,
       (SELECT (j.config ->> 'compress_after')::interval FROM timescaledb_information.jobs j
        WHERE j.hypertable_name = h.hypertable_name AND j.proc_name = 'policy_compression') AS compress_after
FROM timescaledb_information.hypertables h
WHERE h.hypertable_name = '$table'

-- name: make_compressible
-- One compressed batch per sensor, newest first: how readings are asked for.
ALTER TABLE $table
SET (timescaledb.compress, timescaledb.compress_segmentby = 'sensor_key', timescaledb.compress_orderby = '$time DESC')

-- name: remove_policy
-- Before another takes its place.
SELECT remove_compression_policy('$table', if_exists => true)

-- name: add_policy
-- The server compresses by itself from now on.
SELECT add_compression_policy('$table', %(compress_after)s::interval)
