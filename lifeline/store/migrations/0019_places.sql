-- What a shelter takes in the season of its city: worked out by the alerts stage, read by everybody.

CREATE TABLE shelter_places (
    shelter_id  text PRIMARY KEY,
    at          timestamptz NOT NULL,
    season      text NOT NULL,
    reason      text NOT NULL,
    places      integer NOT NULL CHECK (places >= 0)
);
COMMENT ON COLUMN shelter_places.season IS 'warm or cold; in the cold only heated sites have places';
COMMENT ON COLUMN shelter_places.reason IS 'by-temperature, by-month';

CREATE OR REPLACE VIEW dashboard.shelter AS
SELECT s.shelter_id, s.city_code, s.name_zh, s.name_en, s.district, s.lon, s.lat, s.grade, s.heated,
       p.places::double precision AS places,
       coalesce(n.mode, s.mode) AS mode, coalesce(n.state, 'standby') AS state, n.reason, n.people, n.counted_at,
       e.verdict AS exposure, e.site_depth_m, e.way_depth_m, p.season, p.at AS places_at
FROM shelter s
LEFT JOIN shelter_state n USING (shelter_id)
LEFT JOIN shelter_exposure e USING (shelter_id)
LEFT JOIN shelter_places p USING (shelter_id);
COMMENT ON COLUMN dashboard.shelter.places IS 'in the season as of places_at; empty: the alerts stage has not looked yet';
