-- name: crews
-- Every crew as it stands now, with how many live orders it has.
SELECT c.crew_id, c.city_code, c.name_zh, c.name_en, c.district, coalesce(p.lon, c.lon) AS lon,
       coalesce(p.lat, c.lat) AS lat, c.skills, c.people, c.contact, p.on_duty, p.until, p.placed_at,
       (SELECT count(*) FROM work_order w WHERE w.crew_id = c.crew_id AND w.state IN ('accepted', 'on-site')) AS orders,
       (SELECT count(*) FROM work_order w WHERE w.crew_id = c.crew_id AND w.state = 'offered') AS offers
FROM crew c LEFT JOIN crew_presence p USING (crew_id)
ORDER BY c.crew_id

-- name: put_presence
-- What a crew says of itself; a place that it does not say stays.
INSERT INTO crew_presence (crew_id, on_duty, until, lon, lat, placed_at, changed_at, changed_by)
SELECT crew_id, %(on_duty)s, %(until)s, %(lon)s, %(lat)s, %(placed_at)s, %(now)s, %(who)s
FROM crew WHERE crew_id = %(crew_id)s
ON CONFLICT (crew_id) DO UPDATE
SET on_duty = excluded.on_duty, until = excluded.until, lon = coalesce(excluded.lon, crew_presence.lon),
    lat = coalesce(excluded.lat, crew_presence.lat), placed_at = coalesce(excluded.placed_at, crew_presence.placed_at),
    changed_at = excluded.changed_at, changed_by = excluded.changed_by
