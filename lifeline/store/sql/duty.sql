-- name: unwatched
-- Open alarms that are there and whose newest reopening nobody watches yet, with the time of that event.
SELECT a.alarm_id, a.subject, a.city_code, a.kind, a.level, a.state, a.title_zh, a.title_en, a.opened_at, a.began_at,
       a.probability, a.provisions, a.version, a.finding_id, a.cleared_at, a.closed_at, a.zone_id, a.lon, a.lat,
       a.shelved_until, e.at AS since
FROM alarm a
CROSS JOIN LATERAL (
    SELECT at FROM alarm_event
    WHERE alarm_id = a.alarm_id
      AND action IN ('open', 'escalate', 'return', 'confirm', 'release', 'unshelve', 'lapse')
    ORDER BY event_id DESC LIMIT 1
) e
LEFT JOIN watch w USING (alarm_id)
WHERE a.state = 'open' AND a.cleared_at IS NULL AND a.kind <> 'unanswered' AND (w.since IS NULL OR w.since < e.at)
ORDER BY a.level, a.alarm_id
LIMIT %(limit)s

-- name: watched
-- Watches whose time has come, the gravest first.
SELECT a.alarm_id, a.subject, a.city_code, a.kind, a.level, a.state, a.title_zh, a.title_en, a.opened_at, a.began_at,
       a.probability, a.provisions, a.version, a.finding_id, a.cleared_at, a.closed_at, a.zone_id, a.lon, a.lat,
       a.shelved_until, w.since, w.rung, w.next_at,
       w.declined_by IS NOT NULL AS declined
FROM watch w JOIN alarm a USING (alarm_id)
WHERE w.next_at <= %(now)s
ORDER BY a.level, w.next_at, a.alarm_id
LIMIT %(limit)s

-- name: unwatch
-- What is answered, cleared or put aside is not watched any more.
DELETE FROM watch w USING alarm a
WHERE a.alarm_id = w.alarm_id AND (a.state <> 'open' OR a.cleared_at IS NOT NULL)

-- name: put_watch
-- An alarm is watched from an event on.
INSERT INTO watch (alarm_id, since, rung, next_at) VALUES (%(alarm_id)s, %(since)s, %(rung)s, %(next_at)s)
ON CONFLICT (alarm_id) DO UPDATE SET since = EXCLUDED.since, rung = EXCLUDED.rung, next_at = EXCLUDED.next_at,
    declined_by = NULL

-- name: add_call
-- Somebody was called.
INSERT INTO call (alarm_id, at, rung, role, person, reason)
VALUES (%(alarm_id)s, %(at)s, %(rung)s, %(role)s, %(person)s, %(reason)s)

-- name: last_calls
-- When each of some people was called last.
SELECT person, max(at) AS at FROM call WHERE person = ANY(%(people)s) GROUP BY person

-- name: calls
-- Who was called about an alarm, oldest first.
SELECT at, rung, role, person, reason FROM call WHERE alarm_id = %(alarm_id)s ORDER BY call_id

-- name: exhausted
-- Cities with alarms whose whole line was called in vain, and how many; those of the gravest level first.
SELECT a.city_code, count(*) AS alarms, min(a.level) AS level, min(w.since) AS since,
       array_agg(a.alarm_id ORDER BY a.level, a.alarm_id) AS alarm_ids
FROM watch w JOIN alarm a USING (alarm_id)
WHERE w.next_at IS NULL AND a.state = 'open' AND a.cleared_at IS NULL
GROUP BY a.city_code

-- name: hasten
-- Who was called cannot come: the next one is called now.
UPDATE watch SET next_at = %(now)s, declined_by = %(person)s
WHERE alarm_id = ANY(%(alarm_ids)s) AND next_at > %(now)s

-- name: conditions
-- The newest finding of each subject of a kind that the alerts stage itself speaks of.
SELECT DISTINCT ON (subject) subject, city_code, phase FROM finding
WHERE kind = %(kind)s AND detector = 'alerts' ORDER BY subject, finding_id DESC

-- name: put_rules
-- A rule file came into force.
INSERT INTO rule_book (kind, sha256, version, content, since)
SELECT %(kind)s, %(sha256)s, %(version)s, %(content)s, %(now)s
WHERE %(sha256)s IS DISTINCT FROM
    (SELECT sha256 FROM rule_book WHERE kind = %(kind)s ORDER BY since DESC LIMIT 1)

-- name: rules
-- The rule file of a kind that came into force last.
SELECT version, content, since FROM rule_book WHERE kind = %(kind)s ORDER BY since DESC LIMIT 1
