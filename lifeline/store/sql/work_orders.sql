-- name: orders
-- Work orders, newest first: live ones or all, of one city, one crew, one alarm or all.
SELECT * FROM work_order
WHERE (NOT %(live_only)s OR state NOT IN ('closed', 'cancelled'))
  AND (%(city_code)s::text IS NULL OR city_code = %(city_code)s)
  AND (%(crew_id)s::text IS NULL OR crew_id = %(crew_id)s)
  AND (%(alarm_id)s::bigint IS NULL OR alarm_id = %(alarm_id)s)
  AND (%(before)s::bigint IS NULL OR order_id < %(before)s)
ORDER BY order_id DESC
LIMIT %(limit)s

-- name: order
-- One order.
SELECT * FROM work_order WHERE order_id = %(order_id)s

-- name: lock
-- One order, held until the transaction ends.
SELECT * FROM work_order WHERE order_id = %(order_id)s FOR UPDATE

-- name: live_of_alarm
-- The live order of an alarm.
SELECT * FROM work_order WHERE alarm_id = %(alarm_id)s AND state NOT IN ('closed', 'cancelled')

-- name: add
-- A new order.
INSERT INTO work_order (alarm_id, city_code, kind, level, skills, materials, title_zh, title_en, lon, lat, exercise, state,
                        created_at)
SELECT alarm_id, city_code, kind, level, %(skills)s, %(materials)s, title_zh, title_en, lon, lat, exercise, 'waiting',
       %(now)s
FROM alarm WHERE alarm_id = %(alarm_id)s
RETURNING *

-- name: change
-- An order after an act.
UPDATE work_order
SET state = %(state)s, crew_id = %(crew_id)s, doer = %(doer)s, verifier = %(verifier)s, due_at = %(due_at)s,
    due_what = %(due_what)s, accepted_at = %(accepted_at)s, arrived_at = %(arrived_at)s,
    mitigated_at = %(mitigated_at)s, verified_at = %(verified_at)s, closed_at = %(closed_at)s, version = version + 1
WHERE order_id = %(order_id)s
RETURNING *

-- name: set_due
-- The time limit of the next step.
UPDATE work_order SET due_at = %(due_at)s, due_what = %(due_what)s
WHERE order_id = %(order_id)s AND version = %(version)s

-- name: follow_alarm
-- The level and the words of a live order are those of its alarm.
UPDATE work_order w SET level = a.level, title_zh = a.title_zh, title_en = a.title_en, lon = a.lon, lat = a.lat
FROM alarm a
WHERE a.alarm_id = w.alarm_id AND w.state NOT IN ('closed', 'cancelled')
  AND (w.level, w.title_zh, w.title_en, w.lon, w.lat) IS DISTINCT FROM (a.level, a.title_zh, a.title_en, a.lon, a.lat)

-- name: add_event
-- One entry of an order's history.
INSERT INTO work_event (order_id, at, done_at, who, action, from_state, to_state, reason, note, lon, lat, client_action_id)
VALUES (%(order_id)s, %(at)s, %(done_at)s, %(who)s, %(action)s, %(from_state)s, %(to_state)s, %(reason)s, %(note)s,
        %(lon)s, %(lat)s, %(client_action_id)s)

-- name: known_action
-- The order that an act of a phone was about, where we have it already.
SELECT order_id, action, who FROM work_event WHERE client_action_id = %(client_action_id)s

-- name: events
-- The history of an order, oldest first.
SELECT at, done_at, who, action, from_state, to_state, reason, note, lon, lat
FROM work_event WHERE order_id = %(order_id)s ORDER BY event_id

-- name: add_offer
-- A crew is asked.
INSERT INTO work_offer (order_id, crew_id, at, answer_by, minutes, reasons)
VALUES (%(order_id)s, %(crew_id)s, %(at)s, %(answer_by)s, %(minutes)s, %(reasons)s)

-- name: answer_offer
-- What came of the offer that waits, if there is one.
UPDATE work_offer SET outcome = %(outcome)s, answered_at = %(now)s, note = %(note)s
WHERE order_id = %(order_id)s AND outcome = 'waiting'

-- name: offers
-- Who was asked, oldest first.
SELECT order_id, crew_id, at, answer_by, minutes, reasons, outcome, answered_at, note
FROM work_offer WHERE order_id = %(order_id)s ORDER BY offer_id

-- name: add_photo
-- What is known of a picture.
INSERT INTO work_photo (order_id, sha256, at, taken_at, who, media_type, size_bytes, lon, lat)
VALUES (%(order_id)s, %(sha256)s, %(at)s, %(taken_at)s, %(who)s, %(media_type)s, %(size_bytes)s, %(lon)s, %(lat)s)
ON CONFLICT DO NOTHING
RETURNING order_id

-- name: photos
-- The pictures of an order, oldest first.
SELECT order_id, sha256, at, taken_at, who, media_type, size_bytes, lon, lat
FROM work_photo WHERE order_id = %(order_id)s ORDER BY taken_at, sha256

-- name: undone
-- Alarms that are dispatched and have no live order yet, gravest first.
SELECT alarm_id, kind, level FROM alarm a
WHERE state = 'dispatched'
  AND NOT EXISTS (SELECT FROM work_order w WHERE w.alarm_id = a.alarm_id AND w.state NOT IN ('closed', 'cancelled'))
ORDER BY level, alarm_id

-- name: undispatched
-- Alarms of these levels that wait for a crew, may get one without being asked, and never had an order: gravest first.
SELECT alarm_id, kind, level FROM alarm a
WHERE state IN ('open', 'acknowledged') AND level <= %(level)s AND cleared_at IS NULL
  AND NOT EXISTS (SELECT FROM work_order w WHERE w.alarm_id = a.alarm_id)
ORDER BY level, alarm_id

-- name: adrift
-- Live orders whose alarm has ended, or was moved on by hand while a crew is asked or has it.
SELECT w.order_id, w.state, a.state AS alarm_state, coalesce(e.actor, '') AS actor
FROM work_order w JOIN alarm a USING (alarm_id)
LEFT JOIN LATERAL (SELECT actor FROM alarm_event e WHERE e.alarm_id = a.alarm_id ORDER BY event_id DESC LIMIT 1) e ON true
WHERE w.state NOT IN ('closed', 'cancelled')
  AND (a.state IN ('closed', 'cancelled', 'superseded')
       OR w.state <> 'waiting' AND array_position(ARRAY['offered', 'accepted', 'on-site', 'mitigated'], w.state)
                                 < array_position(ARRAY['offered', 'accepted', 'on-site', 'mitigated'], a.state))
ORDER BY w.order_id

-- name: lock_crew
-- One offer to a crew at a time.
SELECT pg_advisory_xact_lock(hashtext('crew:' || %(crew_id)s))

-- name: asked_of
-- What a crew is being asked about.
SELECT order_id FROM work_offer WHERE crew_id = %(crew_id)s AND outcome = 'waiting' LIMIT 1
