-- name: take_turns
-- Who adds to the quarantine waits for the others until they commit: the limits hold for all together.
SELECT pg_advisory_xact_lock(hashtext('lifeline.stranger'))

-- name: room
-- Bytes kept of those of some senders that are in quarantine, and how many senders are in it.
SELECT s.city_code, s.device_id, s.kept_bytes
FROM stranger s
JOIN unnest(%(city_codes)s::text[], %(device_ids)s::text[]) AS o (city_code, device_id) USING (city_code, device_id)

-- name: number
-- Senders in quarantine, without the row for what names no device.
SELECT count(*) AS number FROM stranger WHERE device_id <> ''

-- name: note
-- Adds what was seen of senders; the newest message is the sample.
INSERT INTO stranger AS s (city_code, device_id, first_seen_at, last_seen_at, topic, messages, readings, kept_bytes,
                           not_kept, channels, sample)
SELECT city_code, device_id, seen_at, seen_at, topic, messages, readings, kept_bytes, not_kept,
       ARRAY(SELECT jsonb_array_elements_text(channels)), sample
FROM unnest(
    %(city_codes)s::text[], %(device_ids)s::text[], %(seen_ats)s::timestamptz[], %(topics)s::text[],
    %(messages)s::bigint[], %(readings)s::bigint[], %(kept_bytes)s::bigint[], %(not_kept)s::bigint[],
    %(channels)s::jsonb[], %(samples)s::bytea[]
) AS o (city_code, device_id, seen_at, topic, messages, readings, kept_bytes, not_kept, channels, sample)
ON CONFLICT (city_code, device_id) DO UPDATE
SET last_seen_at = greatest(s.last_seen_at, excluded.last_seen_at),
    topic = excluded.topic,
    messages = s.messages + excluded.messages,
    readings = s.readings + excluded.readings,
    kept_bytes = s.kept_bytes + excluded.kept_bytes,
    not_kept = s.not_kept + excluded.not_kept,
    channels = (ARRAY(SELECT DISTINCT unnest(s.channels || excluded.channels) ORDER BY 1))[1:%(most_channels)s],
    sample = excluded.sample

-- name: strangers
-- The quarantine, the newest first to be seen on top; what names no device at the end.
SELECT city_code, device_id, first_seen_at, last_seen_at, topic, messages, readings, kept_bytes, not_kept, channels,
       sample
FROM stranger
WHERE %(device_id)s::text IS NULL OR device_id = %(device_id)s
ORDER BY device_id = '', first_seen_at DESC, city_code, device_id
LIMIT %(limit)s

-- name: figures
-- How much is in quarantine, and how much could not be kept.
SELECT count(*) FILTER (WHERE device_id <> '') AS devices, coalesce(sum(kept_bytes), 0)::bigint AS kept_bytes,
       coalesce(sum(not_kept), 0)::bigint AS not_kept
FROM stranger

-- name: known_by_now
-- Strangers that a pack or an operator names by now.
SELECT city_code, device_id FROM stranger s
WHERE EXISTS (
    SELECT FROM sensor k WHERE k.city_code = s.city_code AND k.device_id = s.device_id AND k.retired_at IS NULL
)
ORDER BY city_code, device_id

-- name: open_rejects
-- The next rejects of a device whose messages may go through the gate again.
SELECT reject_id, received_at, topic, payload, digest
FROM reject
WHERE device_id = %(device_id)s AND reject_id > %(after)s AND resolved_at IS NULL
  AND reason IN ('unknown-device', 'unknown-channel')
  AND starts_with(topic, 'lifeline/1/' || %(city_code)s || '/') AND payload <> ''
ORDER BY reject_id
LIMIT %(limit)s

-- name: resolve
-- These messages went through the gate again; those that it rejected for the same reason as before stay open.
UPDATE reject SET resolved_at = %(now)s
WHERE reject_id = ANY (%(reject_ids)s::bigint[]) AND digest <> ALL (%(again)s::bytea[])

-- name: leave
-- A sender is no stranger any more.
DELETE FROM stranger WHERE city_code = %(city_code)s AND device_id = %(device_id)s

-- name: forget_rejects
-- Removes what is kept of a sender; how many readings were rejected, by reason.
WITH gone AS (
    DELETE FROM reject
    WHERE device_id = %(device_id)s AND resolved_at IS NULL
      AND (%(device_id)s::text = '' OR starts_with(topic, 'lifeline/1/' || %(city_code)s || '/'))
    RETURNING reason, times
)
SELECT reason, sum(times)::bigint AS times FROM gone GROUP BY reason
