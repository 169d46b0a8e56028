-- name: alarms
-- Alarms, newest first, page by page: live ones or all, of one city or all.
SELECT alarm_id, subject, city_code, kind, level, state, title_zh, title_en, opened_at, began_at, probability,
       provisions, version, finding_id, cleared_at, closed_at, zone_id, lon, lat, shelved_until
FROM alarm
WHERE (NOT %(live_only)s OR state NOT IN ('closed', 'cancelled', 'superseded'))
  AND (%(city_code)s::text IS NULL OR city_code = %(city_code)s)
  AND (%(before)s::bigint IS NULL OR alarm_id < %(before)s)
ORDER BY alarm_id DESC
LIMIT %(limit)s

-- name: alarm
-- One alarm.
SELECT alarm_id, subject, city_code, kind, level, state, title_zh, title_en, opened_at, began_at, probability,
       provisions, version, finding_id, cleared_at, closed_at, zone_id, lon, lat, shelved_until
FROM alarm WHERE alarm_id = %(alarm_id)s

-- name: lock
-- One alarm, held until the transaction ends.
SELECT alarm_id, subject, city_code, kind, level, state, title_zh, title_en, opened_at, began_at, probability,
       provisions, version, finding_id, cleared_at, closed_at, zone_id, lon, lat, shelved_until
FROM alarm WHERE alarm_id = %(alarm_id)s FOR UPDATE

-- name: events
-- The history of an alarm, oldest first.
SELECT at, actor, action, from_state, to_state, reason, note, event_id, told
FROM alarm_event WHERE alarm_id = %(alarm_id)s ORDER BY event_id

-- name: change
-- An alarm after a change; every change is one event and one version.
UPDATE alarm
SET state = %(state)s, level = %(level)s, level_at = coalesce(%(level_at)s, level_at),
    next_level = CASE WHEN %(by_finding)s THEN %(next_level)s ELSE next_level END, title_zh = %(title_zh)s,
    title_en = %(title_en)s, probability = %(probability)s, finding_id = %(finding_id)s, cleared_at = %(cleared_at)s,
    closed_at = %(closed_at)s, shelved_until = %(shelved_until)s, lon = %(lon)s, lat = %(lat)s, version = version + 1
WHERE alarm_id = %(alarm_id)s

-- name: draw_alarm
-- The next numbers of alarms.
SELECT nextval(pg_get_serial_sequence('alarm', 'alarm_id')) AS id FROM generate_series(1, %(number)s)

-- name: draw_alarm_event
-- The next numbers of events.
SELECT nextval(pg_get_serial_sequence('alarm_event', 'event_id')) AS id FROM generate_series(1, %(number)s)

-- name: add_event
-- One entry of an alarm's history.
INSERT INTO alarm_event (event_id, alarm_id, at, actor, action, from_state, to_state, reason, note, told)
OVERRIDING SYSTEM VALUE
VALUES (%(event_id)s, %(alarm_id)s, %(at)s, %(actor)s, %(action)s, %(from_state)s, %(to_state)s, %(reason)s, %(note)s,
        %(told)s)
