-- Readings, and a row for everything that was published and is not one.

CREATE TABLE reading (
    sensor_key  integer NOT NULL,
    observed_at timestamptz NOT NULL,
    received_at timestamptz NOT NULL,
    value       double precision NOT NULL,
    quality     smallint NOT NULL,
    reason      smallint NOT NULL
);
COMMENT ON COLUMN reading.observed_at IS 'the device''s time';
COMMENT ON COLUMN reading.received_at IS 'our time';
COMMENT ON COLUMN reading.value IS 'SI unit of the sensor''s quantity';
COMMENT ON COLUMN reading.quality IS '0 good, 1 doubtful, 2 bad';
COMMENT ON COLUMN reading.reason IS 'lifeline.reading.QualityReason';
-- a foreign key to sensor would cost a look-up per row; the gate has already looked the sensor up
SELECT create_hypertable('reading', by_range('observed_at', INTERVAL '7 days'), create_default_indexes => false);
CREATE UNIQUE INDEX reading_once ON reading (sensor_key, observed_at DESC);

CREATE TABLE conflict (
    sensor_key      integer NOT NULL,
    observed_at     timestamptz NOT NULL,
    received_at     timestamptz NOT NULL,
    stored_value    double precision NOT NULL,
    offered_value   double precision NOT NULL,
    PRIMARY KEY (sensor_key, observed_at, offered_value)
);
COMMENT ON TABLE conflict IS 'A second, different value for an instant that already has one; the first stays';

CREATE TABLE reject (
    reject_id   bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    received_at timestamptz NOT NULL,
    device_id   text,
    topic       text NOT NULL,
    reason      text NOT NULL,
    detail      text NOT NULL,
    payload     bytea NOT NULL,
    digest      bytea NOT NULL,
    times       bigint NOT NULL DEFAULT 1
);
CREATE UNIQUE INDEX reject_once ON reject (digest);
CREATE INDEX reject_by_time ON reject (received_at DESC);
COMMENT ON COLUMN reject.reason IS 'lifeline.reading.RejectReason';
COMMENT ON COLUMN reject.digest IS 'of topic, reason, detail and payload: the same reject again only counts up `times`';

CREATE TABLE device (
    device_id       text PRIMARY KEY,
    city_code       text,
    online          boolean,
    first_seen_at   timestamptz NOT NULL,
    last_seen_at    timestamptz NOT NULL,
    last_observed_at timestamptz,
    clock_skew_s    double precision,
    received        bigint NOT NULL DEFAULT 0,
    stored          bigint NOT NULL DEFAULT 0,
    duplicate       bigint NOT NULL DEFAULT 0,
    conflict        bigint NOT NULL DEFAULT 0,
    rejected        bigint NOT NULL DEFAULT 0,
    CONSTRAINT conservation CHECK (received = stored + duplicate + conflict + rejected)
);
COMMENT ON TABLE device IS 'Who has spoken: last sign of life and the conservation law per device';
COMMENT ON COLUMN device.received IS 'readings that arrived, redeliveries included; device_id '''' holds what could not be attributed';
COMMENT ON COLUMN device.clock_skew_s IS 'smoothed observed minus received of live readings; positive: the device''s clock is ahead';

CREATE TABLE purge (
    purged_at   timestamptz NOT NULL,
    older_than  timestamptz NOT NULL,
    readings    bigint NOT NULL
);
COMMENT ON TABLE purge IS 'Readings that retention removed, so that the conservation law still adds up';
