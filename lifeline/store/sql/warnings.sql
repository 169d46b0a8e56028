-- name: put
-- A warning as it was imported; the same message again changes nothing.
INSERT INTO weather_warning (identifier, sender, event, colour, status, msg_type, areas, sent, effective, expires,
                             refs, headline, content, imported_at, imported_by)
VALUES (%(identifier)s, %(sender)s, %(event)s, %(colour)s, %(status)s, %(msg_type)s, %(areas)s, %(sent)s,
        %(effective)s, %(expires)s, %(references)s, %(headline)s, %(content)s, %(imported_at)s, %(imported_by)s)
ON CONFLICT (identifier) DO NOTHING

-- name: end_referenced
-- What a message replaces or ends is over when it is sent: what it refers to, and what refers to the same first message.
UPDATE weather_warning SET ended_at = %(sent)s, ended_by = %(identifier)s
WHERE (identifier = ANY(%(references)s) OR refs && %(references)s::text[]) AND sender = %(sender)s
  AND (sent < %(sent)s OR identifier = %(itself)s) AND ended_at IS NULL

-- name: current
-- Warnings that end after an instant, newest first.
SELECT identifier, sender, event, colour, status, msg_type, areas, sent, effective, expires, ended_at, headline
FROM weather_warning
WHERE expires > %(since)s
ORDER BY sent DESC, identifier
LIMIT %(limit)s
