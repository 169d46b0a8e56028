-- name: candidates
-- Alarms of some kinds that have a message out, or are grave enough for one, with the newest message of their exercise.
SELECT a.alarm_id, a.subject, a.city_code, a.kind, a.level, a.state, a.title_zh, a.title_en, a.opened_at, a.began_at,
       a.probability, a.provisions, a.version, a.finding_id, a.cleared_at, a.closed_at, a.zone_id, a.lon, a.lat,
       a.shelved_until, b.msg_type, b.level AS told_level, b.expires
FROM alarm a
LEFT JOIN LATERAL (
    SELECT msg_type, level, expires FROM bulletin
    WHERE bulletin.alarm_id = a.alarm_id AND status = 'Exercise' ORDER BY bulletin_id DESC LIMIT 1
) b ON true
WHERE a.kind = ANY(%(kinds)s)
  AND (a.state NOT IN ('closed', 'cancelled', 'superseded', 'candidate', 'suppressed') AND a.level <= %(min_level)s
           AND a.cleared_at IS NULL
           AND (b.msg_type IS NULL OR b.msg_type = 'Cancel' OR b.level <> a.level OR b.expires <= %(renew)s)
       OR b.msg_type <> 'Cancel' AND (a.cleared_at <= %(settled)s OR a.level > %(min_level)s
           OR a.state IN ('closed', 'cancelled', 'superseded')))
  AND (a.state NOT IN ('closed', 'cancelled', 'superseded') OR a.closed_at > %(recent)s)
ORDER BY a.alarm_id
LIMIT %(limit)s

-- name: earlier
-- The messages about an alarm with a status, oldest first.
SELECT bulletin_id, identifier, chain, status, msg_type, level, sent, expires, record->>'sender' AS sender
FROM bulletin WHERE alarm_id = %(alarm_id)s AND status = %(status)s ORDER BY bulletin_id

-- name: add
-- A message.
INSERT INTO bulletin (identifier, chain, alarm_id, city_code, status, msg_type, level, sent, expires, approved_by, record,
                      cap, national)
VALUES (%(identifier)s, %(chain)s, %(alarm_id)s, %(city_code)s, %(status)s, %(msg_type)s, %(level)s, %(sent)s,
        %(expires)s, %(approved_by)s, %(record)s, %(cap)s, %(national)s)
RETURNING bulletin_id

-- name: approve
-- A person signs that the public is told of an alarm as it is.
INSERT INTO bulletin_approval (alarm_id, at, approved_by) VALUES (%(alarm_id)s, %(at)s, %(by)s)

-- name: approvals
-- Signatures that are not used yet.
SELECT approval_id, alarm_id, approved_by FROM bulletin_approval WHERE outcome IS NULL ORDER BY approval_id
FOR UPDATE SKIP LOCKED

-- name: done
-- What a signature led to.
UPDATE bulletin_approval SET outcome = %(outcome)s, bulletin_id = %(bulletin_id)s WHERE approval_id = %(approval_id)s

-- name: feed
-- Public messages without their bodies, newest first: with what their alarm serves and when their event was first told.
SELECT b.bulletin_id, b.identifier, b.chain, b.alarm_id, b.city_code, b.status, b.msg_type, b.level, b.sent, b.expires,
       coalesce(b.record->>'sender', '') AS sender, coalesce(b.record->>'event', '') AS event,
       coalesce(b.record->>'headline', '') AS headline, coalesce(b.record->>'description', '') AS description,
       a.provisions, coalesce(first.sent, b.sent) AS first_sent, coalesce(b.approved_by, '') AS approved_by
FROM bulletin b
JOIN alarm a USING (alarm_id)
LEFT JOIN bulletin first ON first.identifier = b.chain
WHERE (%(status)s::text IS NULL OR b.status = %(status)s)
  AND (%(cities)s::text[] IS NULL OR b.city_code = ANY(%(cities)s))
  AND (%(before)s::bigint IS NULL OR b.bulletin_id < %(before)s)
  AND (NOT %(in_force)s OR (b.msg_type <> 'Cancel' AND b.expires > %(now)s
       AND NOT EXISTS (SELECT FROM bulletin later
                       WHERE later.alarm_id = b.alarm_id AND later.chain = b.chain
                         AND later.bulletin_id > b.bulletin_id)))
ORDER BY b.bulletin_id DESC
LIMIT %(limit)s

-- name: changed
-- When the feed last changed: a message came, or one ran out.
SELECT greatest(max(sent), max(expires) FILTER (WHERE expires <= %(now)s)) AS at
FROM bulletin
WHERE (%(status)s::text IS NULL OR status = %(status)s) AND (%(cities)s::text[] IS NULL OR city_code = ANY(%(cities)s))

-- name: one
-- One message by its identifier.
SELECT identifier, city_code, status, sent, cap, national FROM bulletin WHERE identifier = %(identifier)s
