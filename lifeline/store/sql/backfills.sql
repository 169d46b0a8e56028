-- name: unfinished
-- Where an interrupted backfill stopped.
SELECT bytes_done, lines_done, stored, duplicate, conflict, rejected
FROM backfill WHERE digest = %(digest)s AND finished_at IS NULL

-- name: record
-- How far a file is in.
INSERT INTO backfill (digest, name, bytes_done, lines_done, stored, duplicate, conflict, rejected, finished_at)
VALUES (%(digest)s, %(name)s, %(bytes_done)s, %(lines_done)s, %(stored)s, %(duplicate)s, %(conflict)s, %(rejected)s,
        %(finished_at)s)
ON CONFLICT (digest) DO UPDATE SET
    name = excluded.name, bytes_done = excluded.bytes_done, lines_done = excluded.lines_done,
    stored = excluded.stored, duplicate = excluded.duplicate, conflict = excluded.conflict,
    rejected = excluded.rejected, finished_at = excluded.finished_at
