-- The daily test of each channel.
CREATE TABLE channel_trial (
    channel   text PRIMARY KEY,
    at        timestamptz NOT NULL,
    taken_at  timestamptz,
    failures  integer NOT NULL DEFAULT 0,
    error     text NOT NULL DEFAULT ''
);
COMMENT ON TABLE channel_trial IS 'How the last harmless message to each channel went';
COMMENT ON COLUMN channel_trial.at IS 'when it was last tried, or first seen: whoever moves it on is the one that tries';
COMMENT ON COLUMN channel_trial.taken_at IS 'when it last took its test; empty: never yet';
COMMENT ON COLUMN channel_trial.failures IS 'tests in a row that failed';
