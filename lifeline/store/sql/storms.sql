-- name: storms
-- Water on the streets of cities as storms, newest first: alarms of water with less than a gap between them are one storm.
WITH water AS (
    SELECT a.alarm_id, a.city_code, least(a.level, worst.level) AS level, a.subject, a.began_at, a.cleared_at IS NULL AND a.closed_at IS NULL AS lasts,
           greatest(coalesce(a.cleared_at, a.closed_at, %(now)s), a.began_at) AS over_at, deep.depth_m
    FROM alarm a
    LEFT JOIN LATERAL (
        SELECT max(f.depth_m) AS depth_m FROM finding_decision d JOIN finding f USING (finding_id)
        WHERE d.alarm_id = a.alarm_id AND f.depth_m < 'NaN'
    ) deep ON true
    LEFT JOIN LATERAL ( -- an alarm is lowered as the water falls: how grave it was stands in the trail
        SELECT min((t.detail::json ->> 'level')::smallint) AS level FROM audit t
        WHERE t.subject = 'alarm:' || a.alarm_id AND t.action IN ('alarm.open', 'alarm.escalate')
    ) worst ON true
    WHERE a.kind = ANY(%(kinds)s) AND NOT a.exercise AND a.state <> 'cancelled'
      AND a.began_at >= %(since)s AND (%(cities)s::text[] IS NULL OR a.city_code = ANY(%(cities)s))
), marked AS (
    SELECT water.*, coalesce(
        began_at > max(over_at) OVER (
            PARTITION BY city_code ORDER BY began_at, alarm_id ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
        ) + make_interval(secs => %(gap_s)s), true
    ) AS first FROM water
), numbered AS (
    SELECT marked.*, count(*) FILTER (WHERE first) OVER (PARTITION BY city_code ORDER BY began_at, alarm_id) AS number
    FROM marked
), storm AS (
    SELECT city_code, min(began_at) AS began_at, max(over_at) AS over_at, bool_or(lasts) AS lasts,
           count(*) AS alarms, count(DISTINCT subject) AS places, min(level) AS level, max(depth_m) AS depth_m,
           array_agg(alarm_id ORDER BY level, depth_m DESC NULLS LAST, alarm_id) AS alarm_ids
    FROM numbered GROUP BY city_code, number
)
SELECT storm.city_code, storm.began_at, storm.over_at, storm.lasts, storm.alarms, storm.places, storm.level, storm.depth_m,
       storm.alarm_ids, rain.intensity_m_per_s, rain.fallen_m
FROM storm
LEFT JOIN LATERAL (
    SELECT max(gauge.greatest) AS intensity_m_per_s, max(gauge.fallen_m) AS fallen_m
    FROM (
        SELECT max(r.max) AS greatest, sum(r.mean) * 3600 AS fallen_m
        FROM sensor s JOIN rollup_hour r USING (sensor_key)
        WHERE s.city_code = storm.city_code AND s.quantity = 'rain_intensity'
          AND r.began_at >= storm.began_at - interval '3 hours' AND r.began_at <= storm.over_at
        GROUP BY s.sensor_key
    ) gauge
) rain ON true
ORDER BY storm.began_at DESC, storm.city_code
LIMIT %(limit)s
