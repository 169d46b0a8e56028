-- name: alarms
-- Alarms opened in a span by level: how many, how many seen and closed, and the median seconds to seen and to dispatched.
WITH one AS (
    SELECT a.alarm_id, a.level, a.state, a.closed_at,
           min(e.at) FILTER (WHERE e.action = 'acknowledge') AS seen_at,
           min(e.at) FILTER (WHERE e.action = 'dispatch') AS sent_at,
           min(e.at) FILTER (WHERE e.action = 'mitigate') AS mended_at, a.opened_at
    FROM alarm a JOIN alarm_event e USING (alarm_id)
    WHERE a.opened_at >= %(start)s AND a.opened_at < %(end)s
      AND (%(cities)s::text[] IS NULL OR a.city_code = ANY(%(cities)s))
    GROUP BY a.alarm_id
)
SELECT level, count(*) AS alarms, count(seen_at) AS seen, count(sent_at) AS sent, count(mended_at) AS mended,
       count(*) FILTER (WHERE state = 'closed') AS closed,
       percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM coalesce(seen_at, sent_at) - opened_at)) AS seen_s,
       percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM sent_at - opened_at)) AS sent_s
FROM one GROUP BY level ORDER BY level

-- name: tens
-- Alarms opened in each ten minutes of a span that has any: more than ten in ten minutes is a flood (EEMUA 191).
SELECT time_bucket(INTERVAL '10 minutes', opened_at) AS at, count(*) AS alarms
FROM alarm
WHERE opened_at >= %(start)s AND opened_at < %(end)s
  AND (%(cities)s::text[] IS NULL OR city_code = ANY(%(cities)s))
GROUP BY 1 ORDER BY 1

-- name: sources
-- What rang most often in a span.
SELECT subject, min(title_zh) AS title_zh, min(title_en) AS title_en, count(*) AS alarms
FROM alarm
WHERE opened_at >= %(start)s AND opened_at < %(end)s
  AND (%(cities)s::text[] IS NULL OR city_code = ANY(%(cities)s))
GROUP BY subject ORDER BY alarms DESC, subject LIMIT 10

-- name: notices
-- Notices written in a span by channel, with the 95th percentile of the seconds until the channel took them.
SELECT n.channel, count(*) AS notices, count(n.delivered_at) AS delivered, count(*) FILTER (WHERE n.state = 'dead') AS dead,
       percentile_cont(0.95) WITHIN GROUP (ORDER BY extract(epoch FROM n.delivered_at - n.created_at)) AS delivered_s
FROM notice n JOIN alarm a USING (alarm_id)
WHERE n.created_at >= %(start)s AND n.created_at < %(end)s
  AND (%(cities)s::text[] IS NULL OR a.city_code = ANY(%(cities)s))
GROUP BY 1 ORDER BY 1
