-- name: start
-- A drill begins.
INSERT INTO drill (scenario, city_code, started_at, started_by) VALUES (%(scenario)s, %(city_code)s, %(now)s, %(who)s)
RETURNING drill_id

-- name: end
-- It is over.
UPDATE drill SET ended_at = %(now)s, scorecard = %(scorecard)s WHERE drill_id = %(drill_id)s

-- name: alarm
-- The alarm of a drill.
SELECT alarm_id FROM alarm WHERE subject = %(subject)s ORDER BY alarm_id DESC LIMIT 1

-- name: told
-- When the first notice about an alarm was handed to its channel, or written where none is delivered yet.
SELECT min(coalesce(n.delivered_at, n.created_at)) AS at
FROM notice n JOIN notice_event ne USING (notice_id) JOIN alarm_event e USING (event_id)
WHERE e.alarm_id = %(alarm_id)s

-- name: drills
-- Drills, newest first.
SELECT drill_id, scenario, city_code, started_at, started_by, ended_at, scorecard FROM drill
WHERE %(city_code)s::text IS NULL OR city_code = %(city_code)s
ORDER BY drill_id DESC LIMIT 200
