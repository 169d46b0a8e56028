-- name: add_rejects
-- Adds rejects in the order of their digests, so that two writers never wait for each other. One that comes again is open
-- again.
INSERT INTO reject (received_at, device_id, topic, reason, detail, payload, digest, times)
SELECT * FROM unnest(
    %(received_ats)s::timestamptz[], %(device_ids)s::text[], %(topics)s::text[], %(reasons)s::text[],
    %(details)s::text[], %(payloads)s::bytea[], %(digests)s::bytea[], %(times)s::bigint[]
)
ON CONFLICT (digest) DO UPDATE SET times = reject.times + excluded.times, resolved_at = NULL

-- name: newest_rejects
-- What was rejected last.
SELECT received_at, device_id, topic, reason, detail, payload, times
FROM reject ORDER BY received_at DESC, reject_id DESC LIMIT %(limit)s
