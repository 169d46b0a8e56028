-- name: add
-- A picture; the same one again is the one that is there.
INSERT INTO photo (alarm_id, person_id, at, media_type, sha256, content)
VALUES (%(alarm_id)s, %(person_id)s, %(now)s, %(media_type)s, %(sha256)s, %(content)s)
ON CONFLICT (alarm_id, sha256) DO NOTHING
RETURNING photo_id

-- name: same
-- The number of a picture that is there.
SELECT photo_id FROM photo WHERE alarm_id = %(alarm_id)s AND sha256 = %(sha256)s

-- name: count
-- How many pictures an alarm has.
SELECT count(*) AS photos FROM photo WHERE alarm_id = %(alarm_id)s

-- name: of_alarm
-- The pictures of an alarm, oldest first, without their bytes.
SELECT photo_id, p.name, f.at FROM photo f JOIN person p USING (person_id) WHERE alarm_id = %(alarm_id)s ORDER BY photo_id

-- name: photo
-- A picture with its bytes and the city of its alarm.
SELECT f.media_type, f.content, a.city_code FROM photo f JOIN alarm a USING (alarm_id) WHERE photo_id = %(photo_id)s

-- name: answered
-- What was answered to an action of a phone's queue.
SELECT person_id, status, answer FROM client_action WHERE action_id = %(action_id)s

-- name: answer
-- Keeps what was answered.
INSERT INTO client_action (action_id, person_id, at, status, answer)
VALUES (%(action_id)s, %(person_id)s, %(now)s, %(status)s, %(answer)s)
ON CONFLICT DO NOTHING
