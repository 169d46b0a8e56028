-- name: prune
-- What is long over.
DELETE FROM rain_forecast
WHERE city_code = %(city_code)s AND issued_at < %(issued_at)s::timestamptz - interval '2 days'

-- name: put
-- One forecast.
INSERT INTO rain_forecast (city_code, issued_at, source, step_s, members, stored_at)
VALUES (%(city_code)s, %(issued_at)s, %(source)s, %(step_s)s, %(members)s, %(now)s)
ON CONFLICT (city_code, issued_at) DO UPDATE
SET source = EXCLUDED.source, step_s = EXCLUDED.step_s, members = EXCLUDED.members, stored_at = EXCLUDED.stored_at

-- name: newest
-- The newest that had been issued.
SELECT city_code, issued_at, source, step_s, members
FROM rain_forecast
WHERE city_code = %(city_code)s AND issued_at <= %(now)s
ORDER BY issued_at DESC
LIMIT 1
