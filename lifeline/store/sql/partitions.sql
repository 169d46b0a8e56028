-- name: layout
-- Into how many partitions the sessions of a client id are divided; no row: one.
SELECT partitions FROM ingest_layout WHERE client_id = %(client_id)s

-- name: set_layout
-- The sessions of a client id are divided anew.
INSERT INTO ingest_layout (client_id, partitions) VALUES (%(client_id)s, %(partitions)s)
ON CONFLICT (client_id) DO UPDATE SET partitions = excluded.partitions, settled_at = now()

-- name: attend
-- Says that this worker is there to share: a lock that all of them hold together.
SELECT pg_advisory_lock_shared(%(key)s, %(number)s)

-- name: take
-- Takes a partition for as long as this connection lasts, unless another has it.
SELECT pg_try_advisory_lock(%(key)s, %(number)s) AS got

-- name: release
-- Gives a partition back.
SELECT pg_advisory_unlock(%(key)s, %(number)s)

-- name: holders
-- Who holds which lock of a client id, and for how long its connection has said nothing.
SELECT l.objid::bigint AS number, a.pid, a.application_name AS worker,
       coalesce(extract(epoch FROM clock_timestamp() - a.state_change), 0)::double precision AS silent_s
FROM pg_locks l JOIN pg_stat_activity a USING (pid)
WHERE l.locktype = 'advisory' AND l.objsubid = 2 AND l.granted AND l.classid::bigint = %(key)s
  AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
ORDER BY number, a.backend_start

-- name: fence
-- Ends every connection of a worker: what it has in hand is rolled back, what it holds is free.
SELECT count(pg_terminate_backend(pid)) AS ended FROM pg_stat_activity
WHERE application_name = %(worker)s AND datname = current_database() AND usename = current_user
