-- name: ends
-- Where the story stands now: the newest ids.
SELECT coalesce((SELECT max(finding_id) FROM finding), 0) AS finding_id,
       coalesce((SELECT max(event_id) FROM alarm_event), 0) AS event_id,
       now() AS at

-- name: findings
-- Findings after an id.
SELECT finding_id, stored_at AS at, kind, phase, subject, probability, flow_m3_per_h, depth_m, reason, detected_at,
       candidates
FROM finding WHERE finding_id > %(finding_id)s ORDER BY finding_id LIMIT 200

-- name: events
-- What happened to alarms after an event id.
SELECT e.event_id, e.at, e.actor, e.action, e.to_state, e.note, e.reason, a.alarm_id, a.level, a.title_zh, a.title_en,
       a.opened_at
FROM alarm_event e JOIN alarm a USING (alarm_id) WHERE e.event_id > %(event_id)s ORDER BY e.event_id LIMIT 200

-- name: deliveries
-- Notices that a channel took after an instant, oldest first.
SELECT notice_id, alarm_id, channel, address, subject_line, created_at, delivered_at AS at
FROM notice WHERE state = 'delivered' AND delivered_at > %(at)s ORDER BY delivered_at, notice_id LIMIT 200

-- name: stored
-- How many readings have been stored since the beginning, by the devices' own counters.
SELECT coalesce(sum(stored), 0)::bigint AS stored FROM device
