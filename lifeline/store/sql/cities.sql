-- name: lock
-- One load of a pack at a time; readers are not held up.
LOCK TABLE city IN SHARE ROW EXCLUSIVE MODE

-- name: loaded_sha256
-- Which pack is loaded for a city.
SELECT sha256 FROM city WHERE city_code = %(city_code)s

-- name: put_city
-- Records a city, or what its new pack says of it.
INSERT INTO city (city_code, name_zh, name_en, version, timezone, lon, lat, settings, levels, sha256, loaded_at)
VALUES (%(city_code)s, %(name_zh)s, %(name_en)s, %(version)s, %(timezone)s, %(lon)s, %(lat)s, %(settings)s, %(levels)s,
        %(sha256)s, %(now)s)
ON CONFLICT (city_code) DO UPDATE
SET name_zh = excluded.name_zh, name_en = excluded.name_en, version = excluded.version, timezone = excluded.timezone,
    lon = excluded.lon, lat = excluded.lat, settings = excluded.settings, levels = excluded.levels,
    sha256 = excluded.sha256, loaded_at = excluded.loaded_at

-- name: foreign_sensors
-- Which of these sensor ids another city has.
SELECT sensor_id AS id, city_code FROM sensor WHERE sensor_id = ANY (%(ids)s) AND city_code <> %(city_code)s ORDER BY 1

-- name: foreign_channels
-- Which of these channels (device, channel) another city's active sensors have.
SELECT device_id || ':' || channel AS id, city_code
FROM sensor
WHERE device_id || ':' || channel = ANY (%(ids)s) AND city_code <> %(city_code)s AND retired_at IS NULL
ORDER BY 1

-- name: foreign_zones
-- Which of these zone ids another city has.
SELECT zone_id AS id, city_code FROM zone WHERE zone_id = ANY (%(ids)s) AND city_code <> %(city_code)s ORDER BY 1

-- name: foreign_shelters
-- Which of these shelter ids another city has.
SELECT shelter_id AS id, city_code FROM shelter WHERE shelter_id = ANY (%(ids)s) AND city_code <> %(city_code)s ORDER BY 1

-- name: foreign_cells
-- Which of these population cells another city has.
SELECT cell_id AS id, city_code FROM population_cell WHERE cell_id = ANY (%(ids)s) AND city_code <> %(city_code)s ORDER BY 1

-- name: foreign_crews
-- Which of these crews another city has.
SELECT crew_id AS id, city_code FROM crew WHERE crew_id = ANY (%(ids)s) AND city_code <> %(city_code)s ORDER BY 1

-- name: foreign_roads
-- Which of these roads another city has.
SELECT road_id AS id, city_code FROM road WHERE road_id = ANY (%(ids)s) AND city_code <> %(city_code)s ORDER BY 1

-- name: retire_sensors
-- Retires all active sensors of a city; `put_sensor` brings back those that the pack names. Those that operators adopted
-- stay, unless the pack names their channel.
UPDATE sensor SET retired_at = %(now)s
WHERE city_code = %(city_code)s AND retired_at IS NULL
  AND (adopted_at IS NULL OR device_id || ':' || channel = ANY (%(channels)s) OR sensor_id = ANY (%(ids)s))
RETURNING sensor_id

-- name: put_sensor
-- Records a sensor, or what the new pack says of it; its key stays.
INSERT INTO sensor (sensor_id, city_code, device_id, channel, quantity, unit, site, zone_id, element, lon, lat, elevation_m,
                    interval_s, range_min, range_max, name_zh, name_en)
VALUES (%(sensor_id)s, %(city_code)s, %(device_id)s, %(channel)s, %(quantity)s, %(unit)s, %(site)s, %(zone_id)s, %(element)s,
        %(lon)s, %(lat)s, %(elevation_m)s, %(interval_s)s, %(range_min)s, %(range_max)s, %(name_zh)s, %(name_en)s)
ON CONFLICT (sensor_id) DO UPDATE
SET device_id = excluded.device_id, channel = excluded.channel, quantity = excluded.quantity, unit = excluded.unit,
    site = excluded.site, zone_id = excluded.zone_id, element = excluded.element, lon = excluded.lon, lat = excluded.lat,
    elevation_m = excluded.elevation_m, interval_s = excluded.interval_s, range_min = excluded.range_min,
    range_max = excluded.range_max, name_zh = excluded.name_zh, name_en = excluded.name_en, retired_at = NULL,
    adopted_at = NULL

-- name: put_zone
-- Records a zone, or what the new pack says of it.
INSERT INTO zone (zone_id, city_code, kind, name_zh, name_en, district, polygon, inflow, outflow)
VALUES (%(zone_id)s, %(city_code)s, %(kind)s, %(name_zh)s, %(name_en)s, %(district)s, %(polygon)s, %(inflow)s, %(outflow)s)
ON CONFLICT (zone_id) DO UPDATE
SET kind = excluded.kind, name_zh = excluded.name_zh, name_en = excluded.name_en, district = excluded.district,
    polygon = excluded.polygon, inflow = excluded.inflow, outflow = excluded.outflow

-- name: leave_zones
-- Takes retired sensors out of the zones that are about to go.
UPDATE sensor SET zone_id = NULL WHERE city_code = %(city_code)s AND zone_id IS NOT NULL AND NOT zone_id = ANY (%(ids)s)

-- name: drop_zones
-- Removes the zones that the new pack no longer has.
DELETE FROM zone WHERE city_code = %(city_code)s AND NOT zone_id = ANY (%(ids)s)

-- name: drop_assets
-- Makes room for the assets of the new pack.
DELETE FROM asset WHERE city_code = %(city_code)s

-- name: put_asset
-- Records an asset.
INSERT INTO asset (asset_id, city_code, kind, zone_id, geometry, properties)
VALUES (%(asset_id)s, %(city_code)s, %(kind)s, %(zone_id)s, %(geometry)s, %(properties)s)

-- name: drop_shelters
-- Makes room for the shelters of the new pack.
DELETE FROM shelter WHERE city_code = %(city_code)s

-- name: put_shelter
-- Records a shelter.
INSERT INTO shelter (shelter_id, city_code, name_zh, name_en, district, lon, lat, grade, area_m2, area_per_person_m2, heated,
                     mode, conversion_hours)
VALUES (%(shelter_id)s, %(city_code)s, %(name_zh)s, %(name_en)s, %(district)s, %(lon)s, %(lat)s, %(grade)s, %(area_m2)s,
        %(area_per_person_m2)s, %(heated)s, %(mode)s, %(conversion_hours)s)

-- name: drop_population
-- Makes room for the population cells of the new pack.
DELETE FROM population_cell WHERE city_code = %(city_code)s

-- name: put_population
-- Records a population cell.
INSERT INTO population_cell (cell_id, city_code, district, lon, lat, people, special_needs)
VALUES (%(cell_id)s, %(city_code)s, %(district)s, %(lon)s, %(lat)s, %(people)s, %(special_needs)s)

-- name: drop_crews
-- Makes room for the crews of the new pack.
DELETE FROM crew WHERE city_code = %(city_code)s

-- name: put_crew
-- Records a crew.
INSERT INTO crew (crew_id, city_code, name_zh, name_en, district, lon, lat, skills, people, contact)
VALUES (%(crew_id)s, %(city_code)s, %(name_zh)s, %(name_en)s, %(district)s, %(lon)s, %(lat)s, %(skills)s, %(people)s,
        %(contact)s)

-- name: drop_roads
-- Makes room for the roads of the new pack.
DELETE FROM road WHERE city_code = %(city_code)s

-- name: put_road
-- Records a stretch of road.
INSERT INTO road (road_id, city_code, from_id, from_lon, from_lat, to_id, to_lon, to_lat, length_m, speed_km_per_h)
VALUES (%(road_id)s, %(city_code)s, %(from_id)s, %(from_lon)s, %(from_lat)s, %(to_id)s, %(to_lon)s, %(to_lat)s,
        %(length_m)s, %(speed_km_per_h)s)

-- name: drop_documents
-- Makes room for the documents of the new pack.
DELETE FROM city_document WHERE city_code = %(city_code)s

-- name: put_document
-- Records a model of the pack as text.
INSERT INTO city_document (city_code, name, content) VALUES (%(city_code)s, %(name)s, %(content)s)

-- name: cities
-- Cities by code; all of them where no code is given.
SELECT city_code, name_zh, name_en, version, timezone, lon, lat, settings, sha256, loaded_at
FROM city
WHERE %(city_code)s::text IS NULL OR city_code = %(city_code)s
ORDER BY city_code

-- name: levels
-- The thresholds of a city.
SELECT levels FROM city WHERE city_code = %(city_code)s

-- name: document
-- One document of a city.
SELECT content FROM city_document WHERE city_code = %(city_code)s AND name = %(name)s

-- name: zones
-- Zones by id; of all cities where no code is given.
SELECT zone_id, city_code, kind, name_zh, name_en, district, polygon, inflow, outflow
FROM zone
WHERE %(city_code)s::text IS NULL OR city_code = %(city_code)s
ORDER BY zone_id

-- name: assets
-- Assets by city and id; of all cities where no code is given, of all kinds where none is given.
SELECT asset_id, city_code, kind, geometry, zone_id, properties
FROM asset
WHERE (%(city_code)s::text IS NULL OR city_code = %(city_code)s) AND (%(kinds)s::text[] IS NULL OR kind = ANY (%(kinds)s))
ORDER BY city_code, asset_id

-- name: shelters
-- Shelters by id; of all cities where no code is given.
SELECT shelter_id, city_code, name_zh, name_en, district, lon, lat, grade, area_m2, area_per_person_m2, heated, mode,
       conversion_hours
FROM shelter
WHERE %(city_code)s::text IS NULL OR city_code = %(city_code)s
ORDER BY shelter_id

-- name: population
-- Population cells by id; of all cities where no code is given.
SELECT cell_id, city_code, district, lon, lat, people, special_needs
FROM population_cell
WHERE %(city_code)s::text IS NULL OR city_code = %(city_code)s
ORDER BY cell_id

-- name: crews
-- Crews by id; of all cities where no code is given.
SELECT crew_id, city_code, name_zh, name_en, district, lon, lat, skills, people, contact
FROM crew
WHERE %(city_code)s::text IS NULL OR city_code = %(city_code)s
ORDER BY crew_id

-- name: roads
-- Stretches of road by id; of all cities where no code is given.
SELECT road_id, city_code, from_id, from_lon, from_lat, to_id, to_lon, to_lat, length_m, speed_km_per_h
FROM road
WHERE %(city_code)s::text IS NULL OR city_code = %(city_code)s
ORDER BY road_id
