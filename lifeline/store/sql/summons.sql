-- name: untold
-- Offers that wait for an answer and of which the crew's contact was sent no notice, with what it needs to know.
SELECT o.offer_id, o.order_id, o.at, o.answer_by, o.minutes, w.alarm_id, w.level, w.title_zh, w.title_en, w.lon, w.lat,
       w.materials, c.crew_id, c.name_zh AS crew_zh, c.name_en AS crew_en, c.contact,
       city.name_zh AS city_zh, city.name_en AS city_en, city.timezone,
       (SELECT max(e.event_id) FROM alarm_event e WHERE e.alarm_id = w.alarm_id AND e.action = 'dispatch') AS event_id
FROM work_offer o
JOIN work_order w USING (order_id)
JOIN crew c ON c.crew_id = o.crew_id
JOIN city ON city.city_code = w.city_code
WHERE o.outcome = 'waiting' AND o.answer_by > %(now)s AND split_part(c.contact, ':', 1) = ANY(%(schemes)s)
  AND NOT EXISTS (SELECT FROM notice n WHERE n.group_key = 'offer/' || o.offer_id)
ORDER BY w.level, o.offer_id
LIMIT %(limit)s
