-- Readings condensed to one row per sensor and 1 minute, 15 minutes, 1 hour; and how far the job that does it is.

CREATE TABLE rollup_minute (
    sensor_key  integer NOT NULL,
    began_at    timestamptz NOT NULL,
    readings    bigint NOT NULL,
    good        bigint NOT NULL,
    min         double precision,
    max         double precision,
    mean        double precision,
    last        double precision,
    PRIMARY KEY (sensor_key, began_at)
) WITH (fillfactor = 70);
COMMENT ON TABLE rollup_minute IS 'One row per sensor and minute of event time in which it has readings';
COMMENT ON COLUMN rollup_minute.readings IS 'all that are stored, bad ones too';
COMMENT ON COLUMN rollup_minute.good IS 'those of quality good';
COMMENT ON COLUMN rollup_minute.min IS 'of good and doubtful readings, SI; empty, as max, mean and last, where all were bad';

-- a bucket is written several times until it is complete: the free space of its page takes the next version
CREATE TABLE rollup_quarter (LIKE rollup_minute INCLUDING ALL) WITH (fillfactor = 70);
CREATE TABLE rollup_hour (LIKE rollup_minute INCLUDING ALL) WITH (fillfactor = 70);
COMMENT ON TABLE rollup_quarter IS 'The same for 15 minutes';
COMMENT ON TABLE rollup_hour IS 'The same for 1 hour';

SELECT create_hypertable('rollup_minute', by_range('began_at', INTERVAL '7 days'), create_default_indexes => false);
SELECT create_hypertable('rollup_quarter', by_range('began_at', INTERVAL '30 days'), create_default_indexes => false);
SELECT create_hypertable('rollup_hour', by_range('began_at', INTERVAL '90 days'), create_default_indexes => false);

CREATE TABLE rollup_job (
    width       text PRIMARY KEY CHECK (width IN ('minute', 'quarter', 'hour')),
    position    bigint NOT NULL,
    committed_at timestamptz NOT NULL,
    upto        bigint,
    parts_done  integer NOT NULL DEFAULT 0,
    history_from timestamptz
);
COMMENT ON TABLE rollup_job IS 'How far the roll-ups of each width are, moved in the transaction that wrote them';
COMMENT ON COLUMN rollup_job.position IS 'arrivals of transactions below are rolled up';
COMMENT ON COLUMN rollup_job.committed_at IS 'when the last of them was committed';
COMMENT ON COLUMN rollup_job.upto IS 'arrivals from the position up to below here are being rolled up, in parts; empty: none';
COMMENT ON COLUMN rollup_job.parts_done IS 'how many of these parts are done';
COMMENT ON COLUMN rollup_job.history_from IS 'event time from which readings are rolled up in order first; empty: done';
INSERT INTO rollup_job (width, position, committed_at, history_from)
SELECT width, pg_snapshot_xmin(pg_current_snapshot())::text::bigint, now(), '-infinity'
FROM unnest(ARRAY['minute', 'quarter', 'hour']) width;
