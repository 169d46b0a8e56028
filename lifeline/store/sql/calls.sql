-- name: add
-- A call; the same one sent again is the one that is there.
INSERT INTO field_call (client_action_id, kind, city_code, alarm_id, shelter_id, what, note, at, called_by)
VALUES (%(client_action_id)s, %(kind)s, %(city_code)s, %(alarm_id)s, %(shelter_id)s, %(what)s, %(note)s, %(now)s, %(by)s)
ON CONFLICT (client_action_id) DO NOTHING
RETURNING call_id

-- name: open
-- Calls that nobody has taken up, oldest first.
SELECT call_id, kind, city_code, alarm_id, shelter_id, what, note, at, called_by FROM field_call
WHERE answered_at IS NULL ORDER BY call_id LIMIT 200

-- name: answer
-- Somebody takes it up.
UPDATE field_call SET answered_at = %(now)s, answered_by = %(by)s
WHERE call_id = %(call_id)s AND answered_at IS NULL
RETURNING kind, alarm_id, shelter_id

-- name: city
-- Whose call it is.
SELECT city_code FROM field_call WHERE call_id = %(call_id)s
