-- name: entries
-- Public messages without their bodies, newest first: with what their alarm serves and when their event was first told.
SELECT b.bulletin_id, b.identifier, b.chain, b.alarm_id, b.city_code, b.status, b.msg_type, b.level, b.sent, b.expires,
       coalesce(b.record->>'sender', '') AS sender, coalesce(b.record->>'event', '') AS event,
       coalesce(b.record->>'headline', '') AS headline, coalesce(b.record->>'description', '') AS description,
       a.provisions, coalesce(first.sent, b.sent) AS first_sent
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
