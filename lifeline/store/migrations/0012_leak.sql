-- What people found out about findings, and what leaks cost each zone day by day.

CREATE TABLE verdict (
    verdict_id  bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    subject     text NOT NULL,
    finding_id  bigint NOT NULL REFERENCES finding,
    city_code   text NOT NULL,
    zone_id     text,
    said        text NOT NULL CHECK (said IN ('confirmed', 'false', 'unusual-use')),
    asset_id    text,
    flow_m3_per_h double precision,
    began_at    timestamptz NOT NULL,
    ended_at    timestamptz,
    person      text NOT NULL,
    note        text NOT NULL,
    said_at     timestamptz NOT NULL,
    label       jsonb NOT NULL
);
CREATE INDEX verdict_of_city ON verdict (city_code, verdict_id);
CREATE INDEX verdict_of_subject ON verdict (subject, verdict_id DESC);
COMMENT ON TABLE verdict IS 'Only ever added to: labelled data; the newest row of a subject holds';
COMMENT ON COLUMN verdict.said IS 'confirmed: dug up at asset_id; false: nothing there; unusual-use: water was drawn, as it may be';
COMMENT ON COLUMN verdict.label IS 'the finding as it stood: its flow, probability, candidates, explanation';

CREATE TABLE zone_day (
    zone_id                 text NOT NULL,
    city_code               text NOT NULL,
    day                     date NOT NULL,
    hours                   double precision NOT NULL,
    inflow_m3               double precision NOT NULL,
    night_flow_m3_per_h     double precision,
    night_use_m3_per_h      double precision,
    loss_m3                 double precision,
    told_loss_m3            double precision NOT NULL,
    cost                    double precision,
    currency                text,
    counted_at              timestamptz NOT NULL,
    PRIMARY KEY (zone_id, day)
);
CREATE INDEX zone_day_of_city ON zone_day (city_code, day);
COMMENT ON TABLE zone_day IS 'Water balance of a district metered area on a local day; counted again when readings came late';
COMMENT ON COLUMN zone_day.hours IS 'of the day whose balance is known; inflow_m3 is that of these hours alone';
COMMENT ON COLUMN zone_day.night_flow_m3_per_h IS 'least hourly mean between 02:00 and 05:00; null: not known';
COMMENT ON COLUMN zone_day.night_use_m3_per_h IS 'what people may use at night, by the population of the zone; null: no population';
COMMENT ON COLUMN zone_day.loss_m3 IS 'night flow less night use, over 24 hours; null: not known';
COMMENT ON COLUMN zone_day.told_loss_m3 IS 'flow of the leaks and bursts that findings told of, times how long they ran that day';
