-- Devices that no city pack names, kept until somebody adopts them; how far clocks are off; roll-ups that add up.

CREATE TABLE stranger (
    city_code       text NOT NULL,
    device_id       text NOT NULL,
    first_seen_at   timestamptz NOT NULL,
    last_seen_at    timestamptz NOT NULL,
    topic           text NOT NULL,
    messages        bigint NOT NULL DEFAULT 0,
    readings        bigint NOT NULL DEFAULT 0,
    kept_bytes      bigint NOT NULL DEFAULT 0,
    not_kept        bigint NOT NULL DEFAULT 0,
    channels        text[] NOT NULL DEFAULT '{}',
    sample          bytea NOT NULL DEFAULT '',
    PRIMARY KEY (city_code, device_id)
);
COMMENT ON TABLE stranger IS 'Quarantine: who speaks and is in no city pack; bounded in number and in bytes each. What they send are rejects';
COMMENT ON COLUMN stranger.city_code IS 'of the topic; empty, as device_id, for what names no device';
COMMENT ON COLUMN stranger.topic IS 'of the newest message';
COMMENT ON COLUMN stranger.readings IS 'records rejected, receptions counted';
COMMENT ON COLUMN stranger.kept_bytes IS 'of its reject rows';
COMMENT ON COLUMN stranger.not_kept IS 'records rejected without their payload, beyond the bytes that are kept';
COMMENT ON COLUMN stranger.channels IS 'that were seen, the first 64';
COMMENT ON COLUMN stranger.sample IS 'the newest payload, its first 4096 bytes';

ALTER TABLE reject ADD COLUMN resolved_at timestamptz;
COMMENT ON COLUMN reject.resolved_at IS 'when its message went through the gate again, after its device was adopted or its channel named';
CREATE INDEX reject_open ON reject (device_id, reject_id)
    WHERE resolved_at IS NULL AND reason IN ('unknown-device', 'unknown-channel');

ALTER TABLE sensor ADD COLUMN adopted_at timestamptz;
COMMENT ON COLUMN sensor.adopted_at IS 'set where an operator added it, not a city pack; a pack that names it takes it over';

ALTER TABLE device_total ADD COLUMN clock_skews real[];
COMMENT ON COLUMN device_total.clock_skews IS 'the newest measurements, newest first; clock_skew_s is their median';

ALTER TABLE rollup_minute ADD COLUMN usable bigint;
ALTER TABLE rollup_quarter ADD COLUMN usable bigint;
ALTER TABLE rollup_hour ADD COLUMN usable bigint;
COMMENT ON COLUMN rollup_minute.usable IS 'good and doubtful readings, of which min, max and mean are; empty in rows of before';
