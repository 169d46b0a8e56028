-- name: standings
-- How shelters stand, by id: of one city, one shelter or all.
SELECT s.shelter_id, s.city_code, s.name_zh, s.name_en, s.district, s.lon, s.lat, s.grade, s.area_m2, s.area_per_person_m2,
       s.heated, s.mode AS pack_mode, s.conversion_hours, t.mode, t.state, t.reason, t.note, t.people, t.counted_at,
       t.counted_by, t.changed_at, t.changed_by, coalesce(t.version, 0) AS version,
       e.verdict, e.reason AS exposure_reason, e.at AS exposure_at, p.places, p.season, p.at AS places_at
FROM shelter s LEFT JOIN shelter_state t USING (shelter_id) LEFT JOIN shelter_exposure e USING (shelter_id)
LEFT JOIN shelter_places p USING (shelter_id)
WHERE (%(city_code)s::text IS NULL OR s.city_code = %(city_code)s)
  AND (%(shelter_id)s::text IS NULL OR s.shelter_id = %(shelter_id)s)
ORDER BY s.shelter_id

-- name: lock
-- One change of a shelter's state at a time.
SELECT pg_advisory_xact_lock(hashtext('shelter:' || %(shelter_id)s))

-- name: put_state
-- How a shelter stands from now on.
INSERT INTO shelter_state (shelter_id, mode, state, reason, note, people, counted_at, counted_by, changed_at, changed_by)
VALUES (%(shelter_id)s, %(mode)s, %(state)s, %(reason)s, %(note)s, %(people)s, %(counted_at)s, %(counted_by)s, %(now)s,
        %(who)s)
ON CONFLICT (shelter_id) DO UPDATE
SET mode = excluded.mode, state = excluded.state, reason = excluded.reason, note = excluded.note,
    people = excluded.people, counted_at = excluded.counted_at, counted_by = excluded.counted_by,
    changed_at = excluded.changed_at, changed_by = excluded.changed_by, version = shelter_state.version + 1

-- name: add_count
-- A count of the people inside.
INSERT INTO shelter_count (shelter_id, at, people, who) VALUES (%(shelter_id)s, %(at)s, %(people)s, %(who)s)
ON CONFLICT (shelter_id, at) DO UPDATE SET people = excluded.people, who = excluded.who

-- name: add_conversion
-- A conversion is ordered.
INSERT INTO shelter_conversion (shelter_id, city_code, to_mode, ordered_at, ordered_by, promised_hours, exercise)
VALUES (%(shelter_id)s, %(city_code)s, %(to_mode)s, %(now)s, %(who)s, %(promised_hours)s, %(exercise)s)
RETURNING conversion_id

-- name: add_task
-- A line of its checklist.
INSERT INTO shelter_task (conversion_id, task, place, title_zh, title_en, promised_hours)
VALUES (%(conversion_id)s, %(task)s, %(place)s, %(title_zh)s, %(title_en)s, %(promised_hours)s)

-- name: conversions
-- Conversions, newest first, older than a number: one, of one shelter, of some cities or all, running ones or all.
SELECT conversion_id, shelter_id, city_code, to_mode, ordered_at, ordered_by, promised_hours, exercise, ended_at, outcome
FROM shelter_conversion
WHERE (%(conversion_id)s::bigint IS NULL OR conversion_id = %(conversion_id)s)
  AND (%(shelter_id)s::text IS NULL OR shelter_id = %(shelter_id)s)
  AND (%(cities)s::text[] IS NULL OR city_code = ANY (%(cities)s))
  AND (NOT %(running)s OR ended_at IS NULL) AND (%(before)s::bigint IS NULL OR conversion_id < %(before)s)
ORDER BY conversion_id DESC LIMIT %(limit)s

-- name: tasks
-- The checklists of conversions.
SELECT conversion_id, task, title_zh, title_en, promised_hours, done_at, done_by
FROM shelter_task WHERE conversion_id = ANY (%(ids)s) ORDER BY conversion_id, place

-- name: do_task
-- A line is done.
UPDATE shelter_task SET done_at = %(now)s, done_by = %(who)s
WHERE conversion_id = %(conversion_id)s AND task = %(task)s AND done_at IS NULL

-- name: end_conversion
-- The conversion is over.
UPDATE shelter_conversion SET ended_at = %(now)s, outcome = %(outcome)s
WHERE conversion_id = %(conversion_id)s AND ended_at IS NULL

-- name: put_exposure
-- Water near a shelter as of now.
INSERT INTO shelter_exposure (shelter_id, at, site_depth_m, way_depth_m, site_60_m, way_60_m, verdict, reason)
VALUES (%(shelter_id)s, %(at)s, %(site_depth_m)s, %(way_depth_m)s, %(site_60_m)s, %(way_60_m)s, %(verdict)s, %(reason)s)
ON CONFLICT (shelter_id) DO UPDATE
SET at = excluded.at, site_depth_m = excluded.site_depth_m, way_depth_m = excluded.way_depth_m,
    site_60_m = excluded.site_60_m, way_60_m = excluded.way_60_m, verdict = excluded.verdict, reason = excluded.reason

-- name: put_places
-- How many people a shelter takes in the season of its city.
INSERT INTO shelter_places (shelter_id, at, season, reason, places)
VALUES (%(shelter_id)s, %(at)s, %(season)s, %(reason)s, %(places)s)
ON CONFLICT (shelter_id) DO UPDATE
SET at = excluded.at, season = excluded.season, reason = excluded.reason, places = excluded.places

-- name: water
-- Each depth sensor of all cities: newest good depth of the last `fresh_s`, and the nowcast, where there are any.
SELECT s.sensor_id, s.city_code, s.lon, s.lat, r.value AS depth_m, r.observed_at,
       f.quantiles_60_m[2] AS expected_60_m, f.made_at
FROM sensor s
LEFT JOIN LATERAL (
    SELECT value, observed_at FROM reading r
    WHERE r.sensor_key = s.sensor_key AND r.quality = 0 AND r.observed_at > %(since)s
    ORDER BY observed_at DESC LIMIT 1
) r ON true
LEFT JOIN flood_forecast f ON f.sensor_id = s.sensor_id AND f.made_at > %(since)s
WHERE s.quantity = 'water_depth' AND s.retired_at IS NULL
ORDER BY s.sensor_id

-- name: temperature
-- The newest good air temperature of a city.
SELECT r.value FROM sensor s
JOIN LATERAL (
    SELECT value, observed_at FROM reading r
    WHERE r.sensor_key = s.sensor_key AND r.quality = 0 AND r.observed_at > %(since)s
    ORDER BY observed_at DESC LIMIT 1
) r ON true
WHERE s.quantity = 'temperature' AND s.retired_at IS NULL AND s.city_code = %(city_code)s
ORDER BY r.observed_at DESC LIMIT 1

-- name: add_evacuation
-- People must leave.
INSERT INTO evacuation (city_code, ordered_at, ordered_by, reason, exercise)
VALUES (%(city_code)s, %(now)s, %(who)s, %(reason)s, %(exercise)s) RETURNING evacuation_id

-- name: add_evacuation_cell
-- Who of one cell must.
INSERT INTO evacuation_cell (evacuation_id, cell_id, lon, lat, people, special_needs)
VALUES (%(evacuation_id)s, %(cell_id)s, %(lon)s, %(lat)s, %(people)s, %(special_needs)s)

-- name: evacuations
-- Evacuations, newest first, older than a number: one, or those of some cities or all, running ones or all.
SELECT evacuation_id, city_code, ordered_at, ordered_by, reason, exercise, ended_at, ended_by
FROM evacuation
WHERE (%(evacuation_id)s::bigint IS NULL OR evacuation_id = %(evacuation_id)s)
  AND (%(cities)s::text[] IS NULL OR city_code = ANY (%(cities)s)) AND (NOT %(running)s OR ended_at IS NULL)
  AND (%(before)s::bigint IS NULL OR evacuation_id < %(before)s)
ORDER BY evacuation_id DESC LIMIT %(limit)s

-- name: evacuation_cells
-- Who must leave.
SELECT cell_id, lon, lat, people, special_needs FROM evacuation_cell WHERE evacuation_id = %(evacuation_id)s ORDER BY 1

-- name: evacuation_moves
-- Who has set out and who has arrived.
SELECT cell_id, shelter_id, special, under_way, arrived FROM evacuation_move
WHERE evacuation_id = %(evacuation_id)s ORDER BY 1, 2, 3

-- name: put_move
-- People set out or arrive.
INSERT INTO evacuation_move (evacuation_id, cell_id, shelter_id, special, under_way, arrived, changed_at, changed_by)
VALUES (%(evacuation_id)s, %(cell_id)s, %(shelter_id)s, %(special)s, %(under_way)s, %(arrived)s, %(now)s, %(who)s)
ON CONFLICT (evacuation_id, cell_id, shelter_id, special) DO UPDATE
SET under_way = excluded.under_way, arrived = excluded.arrived, changed_at = excluded.changed_at,
    changed_by = excluded.changed_by

-- name: end_evacuation
-- It is over.
UPDATE evacuation SET ended_at = %(now)s, ended_by = %(who)s
WHERE evacuation_id = %(evacuation_id)s AND ended_at IS NULL RETURNING city_code

-- name: add_plan
-- A plan for an evacuation.
INSERT INTO shelter_plan (evacuation_id, at, reason, opens, figures)
VALUES (%(evacuation_id)s, %(at)s, %(reason)s, %(opens)s, %(figures)s) RETURNING plan_id

-- name: add_assignment
-- Who goes where.
INSERT INTO shelter_assignment (plan_id, cell_id, special, shelter_id, people, distance_m, reason, detail)
VALUES (%(plan_id)s, %(cell_id)s, %(special)s, %(shelter_id)s, %(people)s, %(distance_m)s, %(reason)s, %(detail)s)

-- name: plan
-- The newest plan of an evacuation.
SELECT plan_id, evacuation_id, at, reason, opens, figures FROM shelter_plan
WHERE evacuation_id = %(evacuation_id)s ORDER BY plan_id DESC LIMIT 1

-- name: assignments
-- What a plan says.
SELECT cell_id, special, shelter_id, people, distance_m, reason, detail FROM shelter_assignment
WHERE plan_id = %(plan_id)s ORDER BY cell_id, special DESC, shelter_id NULLS LAST
