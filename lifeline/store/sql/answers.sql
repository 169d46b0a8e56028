-- name: put_link
-- A one-time link; the same notice written again has the same one.
INSERT INTO answer_link (link_id, person, name, language, alarm_ids, issued_at, expires_at)
VALUES (%(link_id)s, %(person)s, %(name)s, %(language)s, %(alarm_ids)s, %(issued_at)s, %(expires_at)s)
ON CONFLICT (link_id) DO NOTHING

-- name: link
-- A link.
SELECT link_id, person, name, language, alarm_ids, issued_at, expires_at, used_at FROM answer_link
WHERE link_id = %(link_id)s

-- name: use
-- Uses a link up: nothing where it was used before.
UPDATE answer_link SET used_at = %(now)s WHERE link_id = %(link_id)s AND used_at IS NULL
RETURNING link_id, person, name, language, alarm_ids, issued_at, expires_at, used_at

-- name: alarms
-- Alarms by number, the gravest first.
SELECT alarm_id, subject, city_code, kind, level, state, title_zh, title_en, opened_at, began_at, probability,
       provisions, version, finding_id, cleared_at, closed_at, zone_id, lon, lat, shelved_until
FROM alarm WHERE alarm_id = ANY(%(alarm_ids)s) ORDER BY level, alarm_id

-- name: lock_alarms
-- The same, held until the transaction ends.
SELECT alarm_id, subject, city_code, kind, level, state, title_zh, title_en, opened_at, began_at, probability,
       provisions, version, finding_id, cleared_at, closed_at, zone_id, lon, lat, shelved_until
FROM alarm WHERE alarm_id = ANY(%(alarm_ids)s) ORDER BY alarm_id FOR UPDATE

-- name: log
-- A use of a link, also one that was refused.
INSERT INTO answer (at, link_id, outcome, remote, detail)
VALUES (%(at)s, %(link_id)s, %(outcome)s, %(remote)s, %(detail)s)

-- name: answers
-- The newest uses of links, newest first.
SELECT a.at, a.outcome, a.remote, a.detail, coalesce(l.name, '') AS name
FROM answer a LEFT JOIN answer_link l USING (link_id) ORDER BY a.answer_id DESC LIMIT %(limit)s
