-- Cities and what they consist of, as loaded from city packs.

CREATE TABLE city (
    city_code   text PRIMARY KEY CHECK (city_code ~ '^[0-9]{6}$'),
    name_zh     text NOT NULL,
    name_en     text NOT NULL,
    version     text NOT NULL,
    timezone    text NOT NULL,
    lon         double precision NOT NULL,
    lat         double precision NOT NULL,
    settings    jsonb NOT NULL,
    levels      jsonb NOT NULL,
    sha256      text NOT NULL,
    loaded_at   timestamptz NOT NULL
);
COMMENT ON COLUMN city.city_code IS 'GB/T 2260';
COMMENT ON COLUMN city.settings IS 'city.toml without its zones';
COMMENT ON COLUMN city.levels IS 'levels.toml: thresholds with their sources';
COMMENT ON COLUMN city.sha256 IS 'of the whole pack: the same pack twice changes nothing';

CREATE TABLE city_document (
    city_code   text NOT NULL REFERENCES city ON DELETE CASCADE,
    name        text NOT NULL,
    content     text NOT NULL,
    PRIMARY KEY (city_code, name)
);
COMMENT ON TABLE city_document IS 'Models of the pack as text (network.inp, drainage.inp), so that detectors need no folder';

CREATE TABLE zone (
    zone_id     text PRIMARY KEY,
    city_code   text NOT NULL REFERENCES city ON DELETE CASCADE,
    kind        text NOT NULL CHECK (kind IN ('dma', 'catchment', 'heating')),
    name_zh     text NOT NULL,
    name_en     text NOT NULL,
    district    text NOT NULL,
    polygon     jsonb NOT NULL,
    inflow      text[] NOT NULL,
    outflow     text[] NOT NULL
);
COMMENT ON COLUMN zone.polygon IS '[[lon, lat], ...], WGS 84, first = last';
COMMENT ON COLUMN zone.inflow IS 'sensor ids whose flow enters the zone';

CREATE TABLE sensor (
    sensor_key  integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    sensor_id   text NOT NULL UNIQUE,
    city_code   text NOT NULL REFERENCES city ON DELETE CASCADE,
    device_id   text NOT NULL,
    channel     text NOT NULL,
    quantity    text NOT NULL,
    unit        text NOT NULL,
    site        text NOT NULL,
    zone_id     text REFERENCES zone,
    element     text,
    lon         double precision NOT NULL,
    lat         double precision NOT NULL,
    elevation_m double precision NOT NULL,
    interval_s  double precision NOT NULL CHECK (interval_s > 0),
    range_min   double precision NOT NULL,
    range_max   double precision NOT NULL CHECK (range_max > range_min),
    name_zh     text NOT NULL,
    name_en     text NOT NULL,
    retired_at  timestamptz
);
CREATE UNIQUE INDEX sensor_of_channel ON sensor (device_id, channel) WHERE retired_at IS NULL;
COMMENT ON INDEX sensor_of_channel IS 'a channel belongs to one sensor at a time; a retired one gives it free';
COMMENT ON COLUMN sensor.unit IS 'what the device sends; the store holds SI';
COMMENT ON COLUMN sensor.retired_at IS 'set when a later pack no longer names it; its readings stay';

CREATE TABLE asset (
    asset_id    text NOT NULL,
    city_code   text NOT NULL REFERENCES city ON DELETE CASCADE,
    kind        text NOT NULL,
    zone_id     text,
    geometry    jsonb NOT NULL,
    properties  jsonb NOT NULL,
    PRIMARY KEY (city_code, asset_id)
);
COMMENT ON COLUMN asset.asset_id IS 'its name in the city''s model; two cities may both have a pipe P1';
COMMENT ON COLUMN asset.geometry IS 'GeoJSON geometry';

CREATE TABLE shelter (
    shelter_id          text PRIMARY KEY,
    city_code           text NOT NULL REFERENCES city ON DELETE CASCADE,
    name_zh             text NOT NULL,
    name_en             text NOT NULL,
    district            text NOT NULL,
    lon                 double precision NOT NULL,
    lat                 double precision NOT NULL,
    grade               text NOT NULL,
    area_m2             double precision NOT NULL,
    area_per_person_m2  double precision NOT NULL,
    heated              boolean NOT NULL,
    mode                text NOT NULL,
    conversion_hours    double precision NOT NULL
);

CREATE TABLE population_cell (
    cell_id         text PRIMARY KEY,
    city_code       text NOT NULL REFERENCES city ON DELETE CASCADE,
    district        text NOT NULL,
    lon             double precision NOT NULL,
    lat             double precision NOT NULL,
    people          integer NOT NULL,
    special_needs   integer NOT NULL
);

CREATE TABLE crew (
    crew_id     text PRIMARY KEY,
    city_code   text NOT NULL REFERENCES city ON DELETE CASCADE,
    name_zh     text NOT NULL,
    name_en     text NOT NULL,
    district    text NOT NULL,
    lon         double precision NOT NULL,
    lat         double precision NOT NULL,
    skills      text[] NOT NULL,
    people      integer NOT NULL,
    contact     text NOT NULL
);
