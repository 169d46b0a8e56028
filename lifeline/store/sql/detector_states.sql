-- name: begin
-- The first checkpoint of a scope; nothing where another runner was faster.
INSERT INTO detector_state (detector, scope, watermark, state, saved_at)
VALUES (%(detector)s, %(scope)s, %(watermark)s, %(state)s, %(now)s)
ON CONFLICT (detector, scope) DO NOTHING

-- name: move
-- The next checkpoint, where the last one is still the one that it was computed from.
UPDATE detector_state
SET watermark = %(watermark)s, state = %(state)s, saved_at = %(now)s
WHERE detector = %(detector)s AND scope = %(scope)s AND saved_at = %(based_on)s

-- name: replace
-- What was learned, whatever stood there before.
INSERT INTO detector_state (detector, scope, watermark, state, saved_at)
VALUES (%(detector)s, %(scope)s, %(watermark)s, %(state)s, %(now)s)
ON CONFLICT (detector, scope) DO UPDATE
SET watermark = excluded.watermark, state = excluded.state, saved_at = excluded.saved_at

-- name: load
-- The checkpoint of a detector for a scope.
SELECT watermark, state, saved_at FROM detector_state WHERE detector = %(detector)s AND scope = %(scope)s
