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

-- name: standing
-- The live alarms of subjects, held, with what the life cycle asks of their past.
SELECT alarm_id, subject, city_code, kind, level, state, title_zh, title_en, opened_at, began_at, probability,
       provisions, version, finding_id, cleared_at, closed_at, zone_id, lon, lat, shelved_until, level_at, next_level,
       coalesce((SELECT EXISTS (SELECT FROM notice_event n WHERE n.event_id = e.event_id)
                 FROM alarm_event e WHERE e.alarm_id = alarm.alarm_id AND e.action = 'clear'
                 ORDER BY e.event_id DESC LIMIT 1), false) AS end_told, NULL::timestamptz AS acted_at
FROM alarm
WHERE subject = ANY(%(subjects)s) AND state NOT IN ('closed', 'cancelled', 'superseded')
ORDER BY alarm_id
FOR UPDATE OF alarm

-- name: previous
-- The last alarm of each subject that ended.
SELECT last.* FROM unnest(%(subjects)s::text[]) wanted(subject)
CROSS JOIN LATERAL (
    SELECT alarm_id, subject, city_code, kind, level, state, title_zh, title_en, opened_at, began_at, probability,
       provisions, version, finding_id, cleared_at, closed_at, zone_id, lon, lat, shelved_until
    FROM alarm
    WHERE alarm.subject = wanted.subject AND state IN ('closed', 'cancelled', 'superseded')
    ORDER BY alarm_id DESC
    LIMIT 1
) last

-- name: open
-- A new alarm.
INSERT INTO alarm (alarm_id, subject, city_code, zone_id, kind, level, level_at, state, title_zh, title_en, began_at,
                   opened_at, probability, provisions, finding_id, lon, lat, exercise)
OVERRIDING SYSTEM VALUE
VALUES (%(alarm_id)s, %(subject)s, %(city_code)s, %(zone_id)s, %(kind)s, %(level)s, %(level_at)s, %(state)s,
        %(title_zh)s, %(title_en)s, %(began_at)s, %(opened_at)s, %(probability)s, %(provisions)s, %(finding_id)s,
        %(lon)s, %(lat)s, %(exercise)s)

-- name: follow
-- The alarm follows its newest finding quietly: no event, and the version that people hold stays good.
UPDATE alarm
SET title_zh = %(title_zh)s, title_en = %(title_en)s, probability = %(probability)s, finding_id = %(finding_id)s,
    lon = %(lon)s, lat = %(lat)s, next_level = %(next_level)s
WHERE alarm_id = %(alarm_id)s

-- name: decide
-- What was done about a finding, and why.
INSERT INTO finding_decision (finding_id, alarm_id, step, reason, level_reason, decided_at, policy)
VALUES (%(finding_id)s, %(alarm_id)s, %(step)s, %(reason)s, %(level_reason)s, %(now)s, %(policy)s)

-- name: untold
-- Events of which it is not decided yet who is told, oldest first, each with its alarm; an end only when it is settled.
SELECT a.alarm_id, a.subject, a.city_code, a.kind, a.level, a.state, a.title_zh, a.title_en, a.opened_at, a.began_at,
       a.probability, a.provisions, a.version, a.finding_id, a.cleared_at, a.closed_at, a.zone_id, a.lon, a.lat,
       a.shelved_until,
       e.at, e.actor, e.action, e.from_state, e.to_state, e.reason, e.note, e.event_id, e.told,
       EXISTS (SELECT FROM alarm_event later
               WHERE later.alarm_id = e.alarm_id AND later.event_id > e.event_id
                 AND later.action IN ('return', 'escalate')) AS went_on,
       f.sensor_ids,
       CASE WHEN a.state = 'suppressed' THEN
           (SELECT reason FROM alarm_event why WHERE why.alarm_id = a.alarm_id AND why.action = 'suppress'
            ORDER BY why.event_id DESC LIMIT 1) END AS suppressed_by
FROM alarm_event e JOIN alarm a USING (alarm_id) JOIN finding f USING (finding_id)
WHERE e.told IS NULL AND (e.action <> 'clear' OR e.at <= %(settled_before)s)
ORDER BY e.event_id
LIMIT %(limit)s

-- name: set_told
-- Why people were told of events or not.
UPDATE alarm_event SET told = %(told)s WHERE event_id = ANY(%(event_ids)s)

-- name: sent
-- When batches of notices of each group went since an instant, and whether one of them was a new one.
SELECT group_key, created_at, bool_or(payload->>'follows' IS NULL) AS rang FROM notice
WHERE group_key = ANY(%(groups)s) AND created_at > %(since)s
GROUP BY group_key, created_at

-- name: rang_last
-- The last notice of a group at each place that did not follow another one.
SELECT DISTINCT ON (channel, address) channel, address, idempotency_key FROM notice
WHERE group_key = %(group)s AND created_at >= %(since)s AND payload->>'follows' IS NULL
ORDER BY channel, address, notice_id DESC

-- name: present
-- The conditions of some kinds that are there, with the sensors of their newest finding.
SELECT a.alarm_id, a.subject, a.city_code, a.kind, a.level, a.state, a.title_zh, a.title_en, a.opened_at, a.began_at,
       a.probability, a.provisions, a.version, a.finding_id, a.cleared_at, a.closed_at, a.zone_id, a.lon, a.lat,
       a.shelved_until, f.sensor_ids
FROM alarm a JOIN finding f USING (finding_id)
WHERE a.state NOT IN ('closed', 'cancelled', 'superseded', 'suppressed') AND a.cleared_at IS NULL
  AND a.kind = ANY(%(kinds)s)

-- name: suppressed
-- Alarms that another one explains or a person silenced, with the sensors of their newest finding; held.
SELECT a.alarm_id, a.subject, a.city_code, a.kind, a.level, a.state, a.title_zh, a.title_en, a.opened_at, a.began_at,
       a.probability, a.provisions, a.version, a.finding_id, a.cleared_at, a.closed_at, a.zone_id, a.lon, a.lat,
       a.shelved_until, f.sensor_ids,
       (SELECT reason FROM alarm_event why WHERE why.alarm_id = a.alarm_id AND why.action = 'suppress'
        ORDER BY why.event_id DESC LIMIT 1) AS suppressed_by
FROM alarm a JOIN finding f USING (finding_id)
WHERE a.state = 'suppressed' AND a.cleared_at IS NULL
ORDER BY a.alarm_id
LIMIT %(limit)s
FOR UPDATE OF a SKIP LOCKED

-- name: findings_behind
-- Findings by number.
SELECT finding_id, subject, kind, phase, city_code, zone_id, detector, reason, began_at, detected_at, probability,
       sensor_ids, lon, lat, area, candidates, flow_m3_per_h, depth_m, explanation
FROM finding WHERE finding_id = ANY(%(finding_ids)s)

-- name: level_reasons
-- The rule that gave the level to the newest finding about each alarm that was not its end.
SELECT DISTINCT ON (d.alarm_id) d.alarm_id, d.level_reason FROM finding_decision d
WHERE d.alarm_id = ANY(%(alarm_ids)s) AND d.step NOT IN ('clear', 'ignore')
ORDER BY d.alarm_id, d.finding_id DESC

-- name: last_events
-- The newest event of each alarm that opened it anew.
SELECT alarm_id, max(event_id) AS event_id FROM alarm_event
WHERE alarm_id = ANY(%(alarm_ids)s)
  AND action IN ('open', 'escalate', 'return', 'confirm', 'release', 'unshelve', 'lapse')
GROUP BY alarm_id

-- name: heard
-- The channels and addresses that were told of alarms.
SELECT DISTINCT e.alarm_id, n.channel, n.address
FROM alarm_event e JOIN notice_event ne USING (event_id) JOIN notice n USING (notice_id)
WHERE e.alarm_id = ANY(%(alarm_ids)s)

-- name: due
-- Live alarms that time may move: cleared and seen (or never told), shelved up to now, candidates, at a level that may go
-- down, acknowledged and left alone. Held; those in other hands come next time.
SELECT alarm_id, subject, city_code, kind, level, state, title_zh, title_en, opened_at, began_at, probability,
       provisions, version, finding_id, cleared_at, closed_at, zone_id, lon, lat, shelved_until, level_at, next_level, false AS end_told,
       (SELECT max(e.at) FROM alarm_event e WHERE e.alarm_id = alarm.alarm_id AND e.actor NOT LIKE 'system:%%') AS acted_at
FROM alarm
WHERE state NOT IN ('closed', 'cancelled', 'superseded') AND alarm_id > %(after)s
  AND ((cleared_at <= %(settled_before)s AND state IN ('acknowledged', 'verified', 'shelved'))
       OR (cleared_at IS NOT NULL AND state IN ('candidate', 'suppressed'))
       OR (cleared_at IS NULL AND state = 'candidate')
       OR shelved_until <= %(now)s
       OR (next_level IS NOT NULL AND level_at <= %(stood_since)s AND cleared_at IS NULL)
       OR (state = 'acknowledged' AND cleared_at IS NULL AND opened_at <= %(left_since)s))
ORDER BY alarm_id
LIMIT %(limit)s
FOR UPDATE SKIP LOCKED
