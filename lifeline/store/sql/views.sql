-- name: sensors
-- Every sensor in use.
SELECT sensor_key, sensor_id, city_code, device_id, channel, quantity, unit, site, zone_id, element, lon, lat,
       elevation_m, interval_s, range_min, range_max, name_zh, name_en
FROM sensor
WHERE retired_at IS NULL
ORDER BY sensor_id

-- name: latest
-- The newest reading of each sensor in use: one index probe per sensor and chunk, newest chunk first.
SELECT s.sensor_key, r.observed_at, r.value, r.quality, r.reason
FROM sensor s
CROSS JOIN LATERAL (
    SELECT observed_at, value, quality, reason
    FROM reading
    WHERE sensor_key = s.sensor_key
    ORDER BY observed_at DESC
    LIMIT 1
) r
WHERE s.retired_at IS NULL

-- name: latest_since
-- The same, looking only at what was observed after an instant: touches the newest chunk alone.
SELECT s.sensor_key, r.observed_at, r.value, r.quality, r.reason
FROM sensor s
CROSS JOIN LATERAL (
    SELECT observed_at, value, quality, reason
    FROM reading
    WHERE sensor_key = s.sensor_key AND observed_at > %(since)s
    ORDER BY observed_at DESC
    LIMIT 1
) r
WHERE s.retired_at IS NULL

-- name: intake
-- Readings stored so far by city, from the devices' counters: their growth is the rate, without counting readings.
SELECT city_code, sum(stored)::bigint AS stored
FROM device
WHERE city_code IS NOT NULL
GROUP BY city_code

-- name: live_alarms
-- What is on the list, the gravest and newest first, each with the finding behind it.
SELECT a.alarm_id, a.version, a.subject, a.city_code, a.zone_id, a.kind, a.level, a.state, a.title_zh, a.title_en,
       a.began_at, a.opened_at, a.cleared_at, a.probability, a.provisions, a.lon, a.lat,
       f.finding_id, f.sensor_ids, f.area, f.candidates, f.flow_m3_per_h, f.depth_m
FROM alarm a
JOIN finding f USING (finding_id)
WHERE a.state NOT IN ('closed', 'cancelled', 'superseded')
ORDER BY a.level, a.opened_at DESC, a.alarm_id DESC

-- name: alarms
-- A page of alarms in some states, newest first; empty filters let everything pass.
SELECT alarm_id, version, subject, city_code, zone_id, kind, level, state, title_zh, title_en,
       began_at, opened_at, cleared_at, closed_at, shelved_until, probability, provisions, finding_id, lon, lat
FROM alarm
WHERE alarm_id < %(before)s
  AND state = ANY(%(states)s)
  AND (%(level)s::int IS NULL OR level = %(level)s)
  AND (%(words)s::text IS NULL OR strpos(lower(title_zh || ' ' || title_en), lower(%(words)s)) > 0)
  AND (%(cities)s::text[] IS NULL OR city_code = ANY(%(cities)s))
  AND (%(kind)s::text IS NULL OR kind = %(kind)s)
ORDER BY alarm_id DESC
LIMIT %(limit)s

-- name: findings
-- A page of findings, newest first; empty filters let everything pass.
SELECT finding_id, subject, kind, phase, city_code, zone_id, detector, reason, began_at, detected_at, stored_at,
       probability, sensor_ids, lon, lat, candidates, flow_m3_per_h, depth_m
FROM finding
WHERE finding_id < %(before)s
  AND (%(cities)s::text[] IS NULL OR city_code = ANY(%(cities)s))
  AND (%(kind)s::text IS NULL OR kind = %(kind)s)
ORDER BY finding_id DESC
LIMIT %(limit)s

-- name: finding
-- One finding with everything behind it.
SELECT finding_id, subject, kind, phase, city_code, zone_id, detector, reason, began_at, detected_at, stored_at,
       probability, sensor_ids, lon, lat, area, candidates, flow_m3_per_h, depth_m, explanation
FROM finding
WHERE finding_id = %(finding_id)s

-- name: findings_after
-- What detectors have said since a finding, in the order of writing; 500 at the most.
SELECT finding_id, subject, kind, phase, city_code
FROM finding
WHERE finding_id > %(finding_id)s
ORDER BY finding_id
LIMIT 500

-- name: newest_finding
-- The number of the newest finding.
SELECT coalesce(max(finding_id), 0) AS finding_id FROM finding

-- name: notice_marks
-- One line per live alarm that changes whenever one of the notices that tell of it does, alone or among others.
SELECT a.alarm_id, count(*) AS notices, sum(n.attempts) AS attempts, count(n.delivered_at) AS delivered
FROM alarm a
CROSS JOIN LATERAL (
    SELECT DISTINCT told.notice_id FROM alarm_event e JOIN notice_event told USING (event_id)
    WHERE e.alarm_id = a.alarm_id
) told
JOIN notice n USING (notice_id)
WHERE a.state NOT IN ('closed', 'cancelled', 'superseded')
GROUP BY a.alarm_id

-- name: people_near
-- How many people live within a distance of a point; a degree of latitude is 111.32 km.
SELECT coalesce(sum(people), 0)::bigint AS people, coalesce(sum(special_needs), 0)::bigint AS special_needs
FROM population_cell
WHERE city_code = %(city)s
  AND power((lat - %(lat)s) * 111320, 2) + power((lon - %(lon)s) * 111320 * cos(radians(%(lat)s)), 2)
      <= power(%(radius_m)s, 2)

-- name: readings
-- A page of one sensor's readings, newest first.
SELECT observed_at, received_at, value, quality, reason
FROM reading
WHERE sensor_key = %(sensor_key)s AND observed_at >= %(start)s AND observed_at < %(end)s
ORDER BY observed_at DESC
LIMIT %(limit)s

-- name: series
-- One sensor in equal steps: what was good or doubtful, as mean, least and greatest; empty steps have no row.
SELECT time_bucket(make_interval(secs => %(step_s)s), observed_at) AS at,
       avg(value) AS mean, min(value) AS least, max(value) AS greatest, count(*) AS readings
FROM reading
WHERE sensor_key = %(sensor_key)s AND observed_at >= %(start)s AND observed_at < %(end)s AND quality < 2
GROUP BY 1
ORDER BY 1

-- name: series_rolled
-- The same from roll-ups, of which the step is a multiple: readings themselves only before the first and behind the last
-- whole bucket, from the oldest on that is not rolled up yet, and of buckets that an earlier version wrote without saying
-- of how many readings their mean is.
WITH job AS (
    SELECT CASE WHEN j.position > s.ahead OR coalesce(f.old AND j.position < f.xid, false) THEN '-infinity'
                ELSE least(coalesce(j.history_from, 'infinity'), p.observed_from) END AS rolled_until
    FROM rollup_job j
    CROSS JOIN (SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint AS ahead) s
    LEFT JOIN (
        SELECT arrival.xid::text::bigint AS xid, committed_at < now() - interval '1 day' AS old
        FROM arrival ORDER BY arrival.xid LIMIT 1
    ) f ON true
    CROSS JOIN LATERAL (
        SELECT coalesce(min(observed_from), 'infinity') AS observed_from
        FROM arrival WHERE arrival.xid >= j.position::text::xid8
    ) p
    WHERE j.width = %(width)s
), zone AS (
    SELECT first, time_bucket(%(span)s::interval, greatest(first, least(%(end)s::timestamptz, rolled_until))) AS stop
    FROM (SELECT time_bucket(%(span)s::interval, %(start)s::timestamptz + %(span)s::interval
                                                 - interval '1 microsecond') AS first, rolled_until FROM job) j
), bucket AS (
    SELECT began_at, min, max, mean,
           coalesce(usable, CASE WHEN good = readings THEN good WHEN mean IS NULL THEN 0 END) AS usable
    FROM $rollup
    WHERE sensor_key = %(sensor_key)s AND began_at >= %(start)s AND began_at < %(end)s
      AND began_at >= (SELECT first FROM zone) AND began_at < (SELECT stop FROM zone)
), part AS (
    SELECT began_at AS at, mean * usable AS sum, min, max, usable AS readings FROM bucket WHERE usable > 0
    UNION ALL
    SELECT r.observed_at, r.value, r.value, r.value, 1
    FROM bucket b
    JOIN reading r ON r.sensor_key = %(sensor_key)s AND r.observed_at >= b.began_at
                  AND r.observed_at < b.began_at + %(span)s::interval AND r.quality < 2
    WHERE b.usable IS NULL
    UNION ALL
    SELECT observed_at, value, value, value, 1 FROM reading
    WHERE sensor_key = %(sensor_key)s AND observed_at >= %(start)s AND observed_at < %(end)s AND quality < 2
      AND observed_at < (SELECT first FROM zone)
    UNION ALL
    SELECT observed_at, value, value, value, 1 FROM reading
    WHERE sensor_key = %(sensor_key)s AND observed_at >= %(start)s AND observed_at < %(end)s AND quality < 2
      AND observed_at >= (SELECT stop FROM zone)
)
SELECT time_bucket(make_interval(secs => %(step_s)s), at) AS at,
       sum(sum) / sum(readings) AS mean, min(min) AS least, max(max) AS greatest, sum(readings)::bigint AS readings
FROM part
GROUP BY 1
ORDER BY 1

-- name: layer_assets
-- Assets of some kinds as a GeoJSON FeatureCollection, ready to send.
SELECT json_build_object('type', 'FeatureCollection', 'features', coalesce(json_agg(json_build_object(
    'type', 'Feature', 'geometry', geometry,
    'properties', json_build_object('id', asset_id, 'kind', kind, 'city', city_code, 'zone', zone_id,
                                    'data', properties))), '[]'::json))::text
FROM asset
WHERE kind = ANY(%(kinds)s) AND (%(cities)s::text[] IS NULL OR city_code = ANY(%(cities)s))

-- name: layer_zones
-- Zones as a GeoJSON FeatureCollection.
SELECT json_build_object('type', 'FeatureCollection', 'features', coalesce(json_agg(json_build_object(
    'type', 'Feature',
    'geometry', json_build_object('type', 'Polygon', 'coordinates', json_build_array(polygon)),
    'properties', json_build_object('id', zone_id, 'kind', kind, 'city', city_code, 'district', district,
                                    'zh', name_zh, 'en', name_en))), '[]'::json))::text
FROM zone
WHERE %(cities)s::text[] IS NULL OR city_code = ANY(%(cities)s)

-- name: layer_shelters
-- Shelters as a GeoJSON FeatureCollection.
SELECT json_build_object('type', 'FeatureCollection', 'features', coalesce(json_agg(json_build_object(
    'type', 'Feature',
    'geometry', json_build_object('type', 'Point', 'coordinates', json_build_array(lon, lat)),
    'properties', json_build_object('id', shelter_id, 'city', city_code, 'zh', name_zh, 'en', name_en,
        'grade', grade, 'area_m2', area_m2, 'places', floor(area_m2 / nullif(area_per_person_m2, 0)),
        'heated', heated, 'mode', mode, 'conversion_hours', conversion_hours))), '[]'::json))::text
FROM shelter
WHERE %(cities)s::text[] IS NULL OR city_code = ANY(%(cities)s)

-- name: layer_crews
-- Crews at their base as a GeoJSON FeatureCollection; the contact is not for everybody and stays out.
SELECT json_build_object('type', 'FeatureCollection', 'features', coalesce(json_agg(json_build_object(
    'type', 'Feature',
    'geometry', json_build_object('type', 'Point', 'coordinates', json_build_array(lon, lat)),
    'properties', json_build_object('id', crew_id, 'city', city_code, 'zh', name_zh, 'en', name_en,
        'skills', skills, 'people', people))), '[]'::json))::text
FROM crew
WHERE %(cities)s::text[] IS NULL OR city_code = ANY(%(cities)s)
