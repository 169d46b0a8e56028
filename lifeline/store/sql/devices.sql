-- name: add_tallies
-- Adds what one transaction brought to each device, in the order of their ids so that two writers never deadlock.
INSERT INTO device (
    device_id, city_code, first_seen_at, last_seen_at, last_observed_at, clock_skew_s, online, state_at,
    received, stored, duplicate, conflict, rejected
)
SELECT t.device_id, t.city_code, t.seen_at, t.seen_at, t.observed_at, t.clock_skew_s, t.online, t.state_at,
       t.received, t.stored, t.duplicate, t.conflict, t.rejected
FROM unnest(
    %(device_ids)s::text[], %(city_codes)s::text[], %(seen_ats)s::timestamptz[], %(observed_ats)s::timestamptz[],
    %(clock_skews_s)s::double precision[], %(onlines)s::boolean[], %(state_ats)s::timestamptz[],
    %(receiveds)s::bigint[], %(storeds)s::bigint[], %(duplicates)s::bigint[], %(conflicts)s::bigint[],
    %(rejecteds)s::bigint[]
) AS t (device_id, city_code, seen_at, observed_at, clock_skew_s, online, state_at,
        received, stored, duplicate, conflict, rejected)
ORDER BY t.device_id
ON CONFLICT (device_id) DO UPDATE SET
    city_code = coalesce(excluded.city_code, device.city_code),
    first_seen_at = coalesce(device.first_seen_at, excluded.first_seen_at),
    last_seen_at = greatest(device.last_seen_at, excluded.last_seen_at),
    last_observed_at = greatest(device.last_observed_at, excluded.last_observed_at),
    clock_skew_s = coalesce(device.clock_skew_s * 0.9 + excluded.clock_skew_s * 0.1,
                            excluded.clock_skew_s, device.clock_skew_s),
    online = CASE WHEN excluded.state_at >= coalesce(device.state_at, '-infinity') THEN excluded.online
                  ELSE device.online END,
    state_at = greatest(device.state_at, excluded.state_at),
    received = device.received + excluded.received,
    stored = device.stored + excluded.stored,
    duplicate = device.duplicate + excluded.duplicate,
    conflict = device.conflict + excluded.conflict,
    rejected = device.rejected + excluded.rejected

-- name: devices
-- All devices that ever spoke.
SELECT device_id, city_code, online, state_at, first_seen_at, last_seen_at, last_observed_at, clock_skew_s,
       received, stored, duplicate, conflict, rejected
FROM device ORDER BY device_id
