-- name: told
-- Alarms as people were told of them: each notice to one receiver counts once there, the receiver with the most is the
-- operator who is asked for.
SELECT n.created_at AS at, n.channel || ' ' || n.address AS receiver, a.subject
FROM notice n JOIN alarm a USING (alarm_id)
WHERE n.created_at >= %(begin)s AND n.created_at < %(end)s AND n.urgency < 9
  AND (%(cities)s::text[] IS NULL OR a.city_code = ANY(%(cities)s))

-- name: raised
-- Alarms as they stand on the list: each event that asks for a person.
SELECT e.at, a.subject, a.title_zh, a.title_en
FROM alarm_event e JOIN alarm a USING (alarm_id)
WHERE e.at >= %(begin)s AND e.at < %(end)s
  AND e.action IN ('open', 'escalate', 'return', 'confirm', 'release', 'unshelve', 'lapse')
  AND e.to_state = 'open'
  AND (%(cities)s::text[] IS NULL OR a.city_code = ANY(%(cities)s))

-- name: standing
-- Live alarms and when anything last happened to each.
SELECT a.alarm_id, a.subject, coalesce((SELECT max(e.at) FROM alarm_event e WHERE e.alarm_id = a.alarm_id),
                                       a.opened_at) AS touched_at
FROM alarm a
WHERE a.state NOT IN ('closed', 'cancelled', 'superseded') AND (%(cities)s::text[] IS NULL OR a.city_code = ANY(%(cities)s))

-- name: answered
-- How far the alarms that opened in a span came: when a person first answered, when a crew was first asked, when it was
-- first mended.
SELECT a.alarm_id, a.level, a.state, a.opened_at,
       min(e.at) FILTER (WHERE e.action IN ('acknowledge', 'dispatch') AND e.actor NOT LIKE 'system:%%') AS acknowledged_at,
       min(e.at) FILTER (WHERE e.action = 'dispatch') AS dispatched_at,
       min(e.at) FILTER (WHERE e.action = 'mitigate') AS mitigated_at
FROM alarm a JOIN alarm_event e USING (alarm_id)
WHERE a.opened_at >= %(begin)s AND a.opened_at < %(end)s
  AND (%(cities)s::text[] IS NULL OR a.city_code = ANY(%(cities)s))
GROUP BY a.alarm_id

-- name: channels
-- Notices written in a span by channel, with the 95th percentile of the seconds until the channel took them.
SELECT n.channel, count(*) AS notices, count(n.delivered_at) AS delivered, count(*) FILTER (WHERE n.state = 'dead') AS dead,
       percentile_cont(0.95) WITHIN GROUP (ORDER BY extract(epoch FROM n.delivered_at - n.created_at)) AS delivered_s
FROM notice n JOIN alarm a USING (alarm_id)
WHERE n.created_at >= %(begin)s AND n.created_at < %(end)s
  AND (%(cities)s::text[] IS NULL OR a.city_code = ANY(%(cities)s))
GROUP BY 1 ORDER BY 1
