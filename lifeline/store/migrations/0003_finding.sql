-- What detectors found, and what they remember.

CREATE TABLE finding (
    finding_id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    subject         text NOT NULL,
    kind            text NOT NULL,
    phase           text NOT NULL CHECK (phase IN ('onset', 'update', 'end')),
    city_code       text NOT NULL,
    zone_id         text,
    detector        text NOT NULL,
    reason          text NOT NULL,
    began_at        timestamptz NOT NULL,
    detected_at     timestamptz NOT NULL,
    stored_at       timestamptz NOT NULL,
    probability     double precision NOT NULL CHECK (probability BETWEEN 0 AND 1),
    sensor_ids      text[] NOT NULL,
    lon             double precision,
    lat             double precision,
    area            jsonb,
    candidates      jsonb NOT NULL,
    flow_m3_per_h   double precision,
    depth_m         double precision,
    explanation     jsonb NOT NULL
);
CREATE INDEX finding_of_subject ON finding (subject, finding_id DESC);
CREATE UNIQUE INDEX finding_once ON finding (subject, phase, detected_at, detector);
COMMENT ON TABLE finding IS 'Only ever added to; the newest row of a subject is its present state';
COMMENT ON COLUMN finding.detected_at IS 'event time of the reading that decided';
COMMENT ON COLUMN finding.stored_at IS 'our time';
COMMENT ON COLUMN finding.candidates IS '[{"asset_id", "probability"}], most probable first';

CREATE TABLE detector_state (
    detector    text NOT NULL,
    scope       text NOT NULL,
    watermark   timestamptz NOT NULL,
    state       jsonb NOT NULL,
    saved_at    timestamptz NOT NULL,
    PRIMARY KEY (detector, scope)
);
COMMENT ON TABLE detector_state IS 'Checkpoint, written in the transaction of the findings it led to';
COMMENT ON COLUMN detector_state.scope IS 'what the state is about: a city, a zone or a sensor';
COMMENT ON COLUMN detector_state.watermark IS 'event time up to which readings are judged';
