-- The stages themselves: who runs, since when, how far.

CREATE TABLE stage (
    stage       text NOT NULL,
    worker      text NOT NULL,
    started_at  timestamptz NOT NULL,
    beat_at     timestamptz NOT NULL,
    detail      jsonb NOT NULL,
    PRIMARY KEY (stage, worker)
);
COMMENT ON TABLE stage IS 'Heartbeat of each running stage, at least every 5 s; detail holds its own figures';
