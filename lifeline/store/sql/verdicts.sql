-- name: add
-- One verdict.
INSERT INTO verdict (subject, finding_id, city_code, zone_id, said, asset_id, flow_m3_per_h, began_at, ended_at, person,
                     note, said_at, label)
VALUES (%(subject)s, %(finding_id)s, %(city_code)s, %(zone_id)s, %(said)s, %(asset_id)s, %(flow_m3_per_h)s, %(began_at)s,
        %(ended_at)s, %(person)s, %(note)s, %(said_at)s, %(label)s)
RETURNING verdict_id

-- name: pipe
-- Whether a city has a pipe of this name.
SELECT 1 FROM asset WHERE city_code = %(city_code)s AND asset_id = %(asset_id)s AND kind = 'pipe'

-- name: after
-- Verdicts of a city with a higher number, lowest first.
SELECT verdict_id, subject, finding_id, city_code, zone_id, said, asset_id, flow_m3_per_h, began_at, ended_at, person,
       note, said_at, label
FROM verdict
WHERE city_code = %(city_code)s AND verdict_id > %(verdict_id)s
ORDER BY verdict_id

-- name: recent
-- The newest verdicts of a city (or of all), newest first.
SELECT verdict_id, subject, finding_id, city_code, zone_id, said, asset_id, flow_m3_per_h, began_at, ended_at, person,
       note, said_at, label
FROM verdict
WHERE (%(city_code)s::text IS NULL OR city_code = %(city_code)s)
  AND (%(before)s::bigint IS NULL OR verdict_id < %(before)s)
ORDER BY verdict_id DESC
LIMIT %(limit)s
