-- What dashboards may read of shelters and the field.

CREATE VIEW dashboard.shelter AS
SELECT s.shelter_id, s.city_code, s.name_zh, s.name_en, s.district, s.lon, s.lat, s.grade, s.heated,
       floor(s.area_m2 / nullif(s.area_per_person_m2, 0)) AS places,
       coalesce(n.mode, s.mode) AS mode, coalesce(n.state, 'standby') AS state, n.reason, n.people, n.counted_at,
       e.verdict AS exposure, e.site_depth_m, e.way_depth_m
FROM shelter s
LEFT JOIN shelter_state n USING (shelter_id)
LEFT JOIN shelter_exposure e USING (shelter_id);
COMMENT ON COLUMN dashboard.shelter.places IS 'by its area in summer; docs/shelters.md says what winter leaves of them';

CREATE VIEW dashboard.shelter_count AS
SELECT c.shelter_id, s.city_code, c.at, c.people FROM shelter_count c JOIN shelter s USING (shelter_id);

CREATE VIEW dashboard.shelter_conversion AS
SELECT conversion_id, shelter_id, city_code, to_mode, ordered_at, promised_hours, exercise, ended_at, outcome
FROM shelter_conversion;

CREATE VIEW dashboard.work_order AS
SELECT order_id, alarm_id, city_code, kind, level, title_zh, title_en, exercise, state, crew_id, created_at,
       accepted_at, arrived_at, mitigated_at, verified_at, closed_at
FROM work_order;
