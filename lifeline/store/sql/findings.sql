-- name: serialise
-- Writers of findings take turns until they commit: numbers become visible in the order in which they were drawn, so
-- that who remembers the last number that was read misses none.
SELECT pg_advisory_xact_lock(hashtext('lifeline.finding'))

-- name: insert
-- One finding; nothing where the same detector already said the same of the same instant.
INSERT INTO finding (subject, kind, phase, city_code, zone_id, detector, reason, began_at, detected_at, stored_at,
                     probability, sensor_ids, lon, lat, area, candidates, flow_m3_per_h, depth_m, explanation)
VALUES (%(subject)s, %(kind)s, %(phase)s, %(city_code)s, %(zone_id)s, %(detector)s, %(reason)s, %(began_at)s,
        %(detected_at)s, %(stored_at)s, %(probability)s, %(sensor_ids)s, %(lon)s, %(lat)s, %(area)s, %(candidates)s,
        %(flow_m3_per_h)s, %(depth_m)s, %(explanation)s)
ON CONFLICT (subject, phase, detected_at, detector) DO NOTHING
RETURNING finding_id

-- name: after
-- Findings with a higher number, lowest first.
SELECT finding_id, subject, kind, phase, city_code, zone_id, detector, reason, began_at, detected_at, probability,
       sensor_ids, lon, lat, area, candidates, flow_m3_per_h, depth_m, explanation
FROM finding
WHERE finding_id > %(finding_id)s
ORDER BY finding_id
LIMIT %(limit)s

-- name: latest_of_subject
-- The present state of a subject.
SELECT finding_id, subject, kind, phase, city_code, zone_id, detector, reason, began_at, detected_at, probability,
       sensor_ids, lon, lat, area, candidates, flow_m3_per_h, depth_m, explanation
FROM finding
WHERE subject = %(subject)s
ORDER BY finding_id DESC
LIMIT 1

-- name: recent
-- The newest findings of a city (or of all) and of a kind (or of all), newest first.
SELECT finding_id, subject, kind, phase, city_code, zone_id, detector, reason, began_at, detected_at, probability,
       sensor_ids, lon, lat, area, candidates, flow_m3_per_h, depth_m, explanation
FROM finding
WHERE (%(city_code)s::text IS NULL OR city_code = %(city_code)s)
  AND (%(kind)s::text IS NULL OR kind = %(kind)s)
ORDER BY finding_id DESC
LIMIT %(limit)s

-- name: standing
-- The newest finding of each subject of a city and of some kinds that other detectors spoke of, as it was at a moment;
-- what has ended is left out.
SELECT finding_id, subject, kind, phase, city_code, zone_id, detector, reason, began_at, detected_at, probability,
       sensor_ids, lon, lat, area, candidates, flow_m3_per_h, depth_m, explanation
FROM (
    SELECT DISTINCT ON (subject) *
    FROM finding
    WHERE city_code = %(city_code)s AND kind = ANY (%(kinds)s) AND detector <> %(but)s AND detected_at <= %(at)s
      AND detected_at > %(since)s
    ORDER BY subject, finding_id DESC
) newest
WHERE phase <> 'end'
ORDER BY finding_id
