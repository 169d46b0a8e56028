-- name: told
-- Alarms as people were told of them: each notice to one receiver counts once there, the receiver with the most is the
-- operator who is asked for.
SELECT n.created_at AS at, n.channel || ' ' || n.address AS receiver, a.subject
FROM notice n JOIN alarm a USING (alarm_id)
WHERE n.created_at >= %(begin)s AND n.created_at < %(end)s AND n.urgency < 9
  AND (%(city_code)s::text IS NULL OR a.city_code = %(city_code)s)

-- name: raised
-- Alarms as they stand on the list: each event that asks for a person.
SELECT e.at, a.subject
FROM alarm_event e JOIN alarm a USING (alarm_id)
WHERE e.at >= %(begin)s AND e.at < %(end)s
  AND e.action IN ('open', 'escalate', 'return', 'confirm', 'release', 'unshelve', 'lapse')
  AND e.to_state = 'open'
  AND (%(city_code)s::text IS NULL OR a.city_code = %(city_code)s)

-- name: standing
-- Live alarms and when anything last happened to each.
SELECT a.alarm_id, a.subject, coalesce((SELECT max(e.at) FROM alarm_event e WHERE e.alarm_id = a.alarm_id),
                                       a.opened_at) AS touched_at
FROM alarm a
WHERE a.state NOT IN ('closed', 'cancelled', 'superseded') AND (%(city_code)s::text IS NULL OR a.city_code = %(city_code)s)

-- name: answered
-- How long alarms waited for a person, and for a crew: opening to the first acknowledgement and to the first dispatch.
SELECT a.alarm_id, a.opened_at,
       (SELECT min(e.at) FROM alarm_event e WHERE e.alarm_id = a.alarm_id AND e.action IN ('acknowledge', 'dispatch')
          AND e.actor NOT LIKE 'system:%%') AS acknowledged_at,
       (SELECT min(e.at) FROM alarm_event e WHERE e.alarm_id = a.alarm_id AND e.action = 'dispatch') AS dispatched_at
FROM alarm a
WHERE a.opened_at >= %(begin)s AND a.opened_at < %(end)s
  AND (%(city_code)s::text IS NULL OR a.city_code = %(city_code)s)
