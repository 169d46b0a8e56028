-- name: begin
-- The engine's position exists.
INSERT INTO engine_position (engine, finding_id) VALUES (%(engine)s, 0) ON CONFLICT DO NOTHING

-- name: position
-- The engine's position; whoever holds it is the only one that decides.
SELECT finding_id FROM engine_position WHERE engine = %(engine)s FOR UPDATE

-- name: advance
-- Every finding up to here has its decision.
UPDATE engine_position SET finding_id = %(finding_id)s WHERE engine = %(engine)s

-- name: behind
-- How many findings wait for their decision.
SELECT count(*) AS findings FROM finding
WHERE finding_id > coalesce((SELECT finding_id FROM engine_position WHERE engine = %(engine)s), 0)

-- name: plain
-- What can be read of the next finding whatever stands in its other columns.
SELECT finding_id, subject, phase, city_code, detector, began_at, detected_at
FROM finding WHERE finding_id > %(finding_id)s ORDER BY finding_id LIMIT 1

-- name: place
-- Where something is: its city, its zone, the first of its sensors that is known.
SELECT city.name_zh AS city_zh, city.name_en AS city_en, city.timezone, city.levels,
       zone.name_zh AS zone_zh, zone.name_en AS zone_en,
       sensor.name_zh AS sensor_zh, sensor.name_en AS sensor_en, sensor.site
FROM (SELECT) one
LEFT JOIN city ON city.city_code = %(city_code)s
LEFT JOIN zone ON zone.zone_id = %(zone_id)s
LEFT JOIN LATERAL (
    SELECT name_zh, name_en, site FROM sensor
    WHERE sensor_id = ANY(%(sensor_ids)s)
    ORDER BY array_position(%(sensor_ids)s, sensor_id), sensor_key DESC
    LIMIT 1
) sensor ON true

-- name: standing
-- The live alarm of a subject, held, with what the life cycle asks of its past.
SELECT alarm_id, subject, city_code, kind, level, state, title_zh, title_en, opened_at, began_at, probability,
       provisions, version, finding_id, cleared_at, closed_at, zone_id, lon, lat, shelved_until, level_at, next_level,
       coalesce((SELECT EXISTS (SELECT FROM notice_event n WHERE n.event_id = e.event_id)
                 FROM alarm_event e WHERE e.alarm_id = alarm.alarm_id AND e.action = 'clear'
                 ORDER BY e.event_id DESC LIMIT 1), false) AS end_told
FROM alarm
WHERE subject = %(subject)s AND state NOT IN ('closed', 'cancelled', 'superseded')
FOR UPDATE OF alarm

-- name: previous
-- The last alarm of a subject that ended.
SELECT alarm_id, subject, city_code, kind, level, state, title_zh, title_en, opened_at, began_at, probability,
       provisions, version, finding_id, cleared_at, closed_at, zone_id, lon, lat, shelved_until
FROM alarm
WHERE subject = %(subject)s AND state IN ('closed', 'cancelled', 'superseded')
ORDER BY alarm_id DESC
LIMIT 1

-- name: open
-- A new alarm.
INSERT INTO alarm (subject, city_code, zone_id, kind, level, level_at, state, title_zh, title_en, began_at, opened_at,
                   probability, provisions, finding_id, lon, lat)
VALUES (%(subject)s, %(city_code)s, %(zone_id)s, %(kind)s, %(level)s, %(level_at)s, %(state)s, %(title_zh)s,
        %(title_en)s, %(began_at)s, %(opened_at)s, %(probability)s, %(provisions)s, %(finding_id)s, %(lon)s, %(lat)s)
RETURNING alarm_id

-- name: follow
-- The alarm follows its newest finding quietly: no event, and the version that people hold stays good.
UPDATE alarm
SET title_zh = %(title_zh)s, title_en = %(title_en)s, probability = %(probability)s, finding_id = %(finding_id)s,
    lon = %(lon)s, lat = %(lat)s, next_level = %(next_level)s
WHERE alarm_id = %(alarm_id)s

-- name: decide
-- What was done about a finding, and why.
INSERT INTO finding_decision (finding_id, alarm_id, step, reason, level_reason, decided_at)
VALUES (%(finding_id)s, %(alarm_id)s, %(step)s, %(reason)s, %(level_reason)s, %(now)s)

-- name: untold
-- Events of which it is not decided yet who is told, oldest first, each with its alarm; an end only when it is settled.
SELECT a.alarm_id, a.subject, a.city_code, a.kind, a.level, a.state, a.title_zh, a.title_en, a.opened_at, a.began_at,
       a.probability, a.provisions, a.version, a.finding_id, a.cleared_at, a.closed_at, a.zone_id, a.lon, a.lat,
       a.shelved_until,
       e.at, e.actor, e.action, e.from_state, e.to_state, e.reason, e.note, e.event_id, e.told,
       EXISTS (SELECT FROM alarm_event later
               WHERE later.alarm_id = e.alarm_id AND later.event_id > e.event_id
                 AND later.action IN ('return', 'escalate')) AS went_on
FROM alarm_event e JOIN alarm a USING (alarm_id)
WHERE e.told IS NULL AND (e.action <> 'clear' OR e.at <= %(settled_before)s)
ORDER BY e.event_id
LIMIT %(limit)s

-- name: set_told
-- Why people were told of events or not.
UPDATE alarm_event SET told = %(told)s WHERE event_id = ANY(%(event_ids)s)

-- name: sent
-- When batches of notices of each group went since an instant.
SELECT group_key, created_at FROM notice
WHERE group_key = ANY(%(groups)s) AND created_at > %(since)s
GROUP BY group_key, created_at

-- name: present
-- City and kind of the conditions that are there.
SELECT DISTINCT city_code, kind FROM alarm
WHERE state NOT IN ('closed', 'cancelled', 'superseded') AND cleared_at IS NULL

-- name: level_reason
-- The rule that gave the level to the newest finding about an alarm that was not its end.
SELECT d.level_reason FROM finding_decision d
WHERE d.alarm_id = %(alarm_id)s AND d.step NOT IN ('clear', 'ignore') ORDER BY d.finding_id DESC LIMIT 1

-- name: heard
-- The channels and addresses that were told of an alarm.
SELECT DISTINCT n.channel, n.address
FROM alarm_event e JOIN notice_event ne USING (event_id) JOIN notice n USING (notice_id)
WHERE e.alarm_id = %(alarm_id)s
ORDER BY n.channel, n.address

-- name: due
-- Live alarms that time may move: cleared and seen, shelved up to now, at a level that may go down. Held; those in
-- other hands come next time.
SELECT alarm_id, subject, city_code, kind, level, state, title_zh, title_en, opened_at, began_at, probability,
       provisions, version, finding_id, cleared_at, closed_at, zone_id, lon, lat, shelved_until, level_at, next_level,
       false AS end_told
FROM alarm
WHERE state NOT IN ('closed', 'cancelled', 'superseded')
  AND ((cleared_at <= %(settled_before)s AND state IN ('acknowledged', 'verified', 'shelved'))
       OR shelved_until <= %(now)s
       OR (next_level IS NOT NULL AND level_at <= %(stood_since)s AND cleared_at IS NULL))
ORDER BY alarm_id
LIMIT %(limit)s
FOR UPDATE SKIP LOCKED
