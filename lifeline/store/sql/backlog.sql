-- name: alone
-- One worker speaks for the stage at a time; false: another does.
SELECT pg_try_advisory_xact_lock(hashtext('lifeline.backlog')) AS ours

-- name: beats
-- Last signs of life of a stage.
SELECT stage, worker, started_at, beat_at, detail FROM stage WHERE stage = %(stage)s

-- name: standing
-- What was said last of each loaded city's subject; empty: nothing yet.
SELECT c.city_code, f.phase, f.began_at, f.detected_at
FROM city c
LEFT JOIN LATERAL (
    SELECT phase, began_at, detected_at FROM finding
    WHERE subject = %(prefix)s || c.city_code ORDER BY finding_id DESC LIMIT 1
) f ON true
ORDER BY c.city_code
