-- Silences: a sensor or a zone of whose alarms nobody is told until a time, by whom and why.

CREATE TABLE silence (
    silence_id  bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    city_code   text NOT NULL,
    sensor_id   text,
    zone_id     text,
    begins_at   timestamptz NOT NULL,
    ends_at     timestamptz NOT NULL CHECK (ends_at > begins_at),
    why         text NOT NULL CHECK (why <> ''),
    made_at     timestamptz NOT NULL,
    made_by     text NOT NULL,
    ended_at    timestamptz,
    ended_by    text,
    CHECK ((sensor_id IS NULL) <> (zone_id IS NULL)),
    CHECK ((ended_at IS NULL) = (ended_by IS NULL))
);
CREATE INDEX silence_not_ended ON silence (ends_at) WHERE ended_at IS NULL;
CREATE INDEX silence_sensor ON silence (sensor_id) WHERE sensor_id IS NOT NULL;
CREATE INDEX silence_zone ON silence (zone_id) WHERE zone_id IS NOT NULL;
COMMENT ON TABLE silence IS 'never deleted: who was not told, and by whose word, is looked up later';
COMMENT ON COLUMN silence.ended_at IS 'when a person ended it before its time';
