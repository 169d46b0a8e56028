-- name: beat
-- A stage says that it lives.
INSERT INTO stage (stage, worker, started_at, beat_at, detail)
VALUES (%(stage)s, %(worker)s, %(started_at)s, %(now)s, %(detail)s)
ON CONFLICT (stage, worker) DO UPDATE
SET started_at = excluded.started_at, beat_at = excluded.beat_at, detail = excluded.detail

-- name: stages
-- The last sign of life of each worker of each stage.
SELECT stage, worker, started_at, beat_at, detail FROM stage ORDER BY stage, worker
