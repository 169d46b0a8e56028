-- name: events
-- Breaks and leaks of pipes before an instant: what people confirmed, and alarms that were mended and closed without a
-- word on the place, at their most probable pipe.
WITH said AS (
    SELECT DISTINCT ON (v.subject, v.began_at) v.asset_id, v.said, v.subject, v.began_at, f.kind
    FROM verdict v JOIN finding f USING (finding_id)
    WHERE v.city_code = %(city_code)s AND v.began_at < %(until)s
    ORDER BY v.subject, v.began_at, v.verdict_id DESC
)
SELECT asset_id, kind, count(*) AS times FROM (
    SELECT asset_id, kind FROM said WHERE said = 'confirmed' AND asset_id IS NOT NULL
    UNION ALL
    SELECT f.candidates -> 0 ->> 'asset_id', a.kind
    FROM alarm a JOIN finding f USING (finding_id)
    WHERE a.city_code = %(city_code)s AND a.began_at < %(until)s AND a.kind IN ('burst', 'leak') AND NOT a.exercise
      AND a.state IN ('mitigated', 'verified', 'closed') AND jsonb_array_length(f.candidates) > 0
      AND NOT EXISTS (SELECT FROM said s WHERE s.subject = a.subject)
) events
WHERE asset_id IS NOT NULL
GROUP BY asset_id, kind

-- name: since
-- Since when there is a history: the first finding of the city.
SELECT min(began_at) AS began_at FROM finding WHERE city_code = %(city_code)s

-- name: frost_days
-- Days with frost and all days that a thermometer saw, per sensor.
SELECT s.sensor_id, s.lon, s.lat, count(*) FILTER (WHERE d.least < 0) AS frost, count(*) AS days
FROM sensor s
JOIN LATERAL (
    SELECT time_bucket('1 day', began_at) AS day, min(min) AS least FROM rollup_hour r
    WHERE r.sensor_key = s.sensor_key AND r.began_at < %(until)s AND r.min IS NOT NULL GROUP BY 1
) d ON true
WHERE s.city_code = %(city_code)s AND s.quantity = 'temperature'
GROUP BY s.sensor_id, s.lon, s.lat

-- name: surcharge_hours
-- Hours with water on the street, and all hours seen, per depth sensor.
SELECT s.sensor_id, s.lon, s.lat, count(*) FILTER (WHERE r.max >= %(depth_m)s) AS wet, count(*) AS hours
FROM sensor s JOIN rollup_hour r USING (sensor_key)
WHERE s.city_code = %(city_code)s AND s.quantity = 'water_depth' AND r.began_at < %(until)s AND r.max IS NOT NULL
GROUP BY s.sensor_id, s.lon, s.lat
