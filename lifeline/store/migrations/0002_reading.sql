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
-- readings are written in the order in which they came: a block range index costs next to nothing
CREATE INDEX reading_by_reception ON reading USING brin (received_at) WITH (pages_per_range = 32, autosummarize = on);

CREATE TABLE arrival (
    xid             xid8 NOT NULL DEFAULT pg_current_xact_id(),
    committed_at    timestamptz NOT NULL DEFAULT now(),
    received_from   timestamptz NOT NULL,
    received_to     timestamptz NOT NULL,
    observed_from   timestamptz NOT NULL,
    observed_to     timestamptz NOT NULL,
    readings        bigint NOT NULL
);
CREATE INDEX arrival_in_order ON arrival (xid);
COMMENT ON TABLE arrival IS 'One row per transaction that added readings, kept for a day: who follows it misses none, however late they were committed';
COMMENT ON COLUMN arrival.xid IS 'transactions below pg_snapshot_xmin() have ended: a reader goes up to there and never looks back';

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
    device_id   text NOT NULL,
    topic       text NOT NULL,
    reason      text NOT NULL,
    detail      text NOT NULL,
    payload     bytea NOT NULL,
    digest      bytea NOT NULL,
    times       bigint NOT NULL
);
CREATE UNIQUE INDEX reject_once ON reject (digest);
CREATE INDEX reject_by_time ON reject (received_at DESC);
COMMENT ON TABLE reject IS 'One row per message and reason: what was published and is not a reading, with its bytes';
COMMENT ON COLUMN reject.device_id IS 'of the topic; empty where the topic names none';
COMMENT ON COLUMN reject.topic IS 'MQTT topic, or file:NAME of a backfill';
COMMENT ON COLUMN reject.reason IS 'lifeline.reading.RejectReason';
COMMENT ON COLUMN reject.digest IS 'of topic, reason, detail and payload: the same reject again only counts up `times`';
COMMENT ON COLUMN reject.times IS 'readings rejected: records of the message times its receptions';

CREATE TABLE device_total (
    device_key  integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    device_id   text NOT NULL UNIQUE,
    city_code   text,
    online      boolean,
    state_at    timestamptz,
    first_seen_at timestamptz,
    last_seen_at timestamptz,
    last_observed_at timestamptz,
    clock_skew_s double precision,
    received    bigint NOT NULL DEFAULT 0,
    stored      bigint NOT NULL DEFAULT 0,
    duplicate   bigint NOT NULL DEFAULT 0,
    conflict    bigint NOT NULL DEFAULT 0,
    rejected    bigint NOT NULL DEFAULT 0,
    CONSTRAINT conservation CHECK (received = stored + duplicate + conflict + rejected)
) WITH (fillfactor = 50);
COMMENT ON TABLE device_total IS 'Devices as of the last fold of their tallies; ask the view device';

CREATE TABLE tally (
    device_key  integer NOT NULL,
    seen_at     timestamptz NOT NULL,
    observed_at timestamptz NOT NULL,
    clock_skew_s double precision NOT NULL,
    received    integer NOT NULL,
    stored      integer NOT NULL,
    duplicate   integer NOT NULL,
    conflict    integer NOT NULL,
    rejected    integer NOT NULL,
    CONSTRAINT conservation CHECK (received = stored + duplicate + conflict + rejected)
);
COMMENT ON TABLE tally IS 'What each transaction brought to each device; folded into device_total every few seconds, because adding a row is ten times cheaper than changing one';
COMMENT ON COLUMN tally.seen_at IS '-infinity: not by the device itself, but from a file';
COMMENT ON COLUMN tally.observed_at IS 'newest stored; -infinity: none';
COMMENT ON COLUMN tally.clock_skew_s IS 'NaN: not measured';

CREATE VIEW device AS
SELECT d.device_key, d.device_id, d.city_code, d.online, d.state_at,
       coalesce(d.first_seen_at, t.first_seen_at) AS first_seen_at,
       greatest(d.last_seen_at, t.last_seen_at) AS last_seen_at,
       greatest(d.last_observed_at, t.last_observed_at) AS last_observed_at,
       coalesce(d.clock_skew_s, t.clock_skew_s) AS clock_skew_s,
       d.received + coalesce(t.received, 0) AS received,
       d.stored + coalesce(t.stored, 0) AS stored,
       d.duplicate + coalesce(t.duplicate, 0) AS duplicate,
       d.conflict + coalesce(t.conflict, 0) AS conflict,
       d.rejected + coalesce(t.rejected, 0) AS rejected
FROM device_total d
LEFT JOIN (
    SELECT device_key,
           nullif(min(seen_at), '-infinity') AS first_seen_at,
           nullif(max(seen_at), '-infinity') AS last_seen_at,
           nullif(max(observed_at), '-infinity') AS last_observed_at,
           avg(clock_skew_s) FILTER (WHERE clock_skew_s <> 'NaN') AS clock_skew_s,
           sum(received) AS received, sum(stored) AS stored, sum(duplicate) AS duplicate,
           sum(conflict) AS conflict, sum(rejected) AS rejected
    FROM tally GROUP BY device_key
) t USING (device_key);
COMMENT ON VIEW device IS 'Who has spoken: last sign of life and the conservation law per device; device_id '''' holds what could not be attributed';
COMMENT ON COLUMN device.online IS 'by its own birth and death messages; empty where it sends none';
COMMENT ON COLUMN device.last_seen_at IS 'empty where all its readings came from files';
COMMENT ON COLUMN device.received IS 'readings that arrived, redeliveries included';
COMMENT ON COLUMN device.clock_skew_s IS 'smoothed observed minus received of live readings; positive: the device''s clock is ahead';

CREATE TABLE purge (
    purged_at   timestamptz NOT NULL,
    older_than  timestamptz NOT NULL,
    readings    bigint NOT NULL
);
COMMENT ON TABLE purge IS 'Readings that retention removed, so that the conservation law still adds up';

CREATE TABLE backfill (
    digest      bytea PRIMARY KEY,
    name        text NOT NULL,
    bytes_done  bigint NOT NULL,
    lines_done  bigint NOT NULL,
    stored      bigint NOT NULL,
    duplicate   bigint NOT NULL,
    conflict    bigint NOT NULL,
    rejected    bigint NOT NULL,
    finished_at timestamptz
);
COMMENT ON TABLE backfill IS 'How far a file is in, moved in the transaction of its readings: an interrupted backfill goes on there';
COMMENT ON COLUMN backfill.digest IS 'SHA-256 of the file';
