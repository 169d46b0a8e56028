-- What the flood nowcast has learned, what it foresees, and the rain that others foresee.

CREATE TABLE flood_model (
    model_id    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    city_code   text NOT NULL,
    trained_at  timestamptz NOT NULL,
    made_with   text NOT NULL,
    sha256      text NOT NULL,
    content     bytea NOT NULL,
    figures     jsonb NOT NULL,
    active      boolean NOT NULL
);
CREATE UNIQUE INDEX flood_model_in_use ON flood_model (city_code) WHERE active;
COMMENT ON TABLE flood_model IS 'A version each; the detect stage uses the active one of its city';
COMMENT ON COLUMN flood_model.made_with IS 'versions of the libraries that wrote content; another version does not read it';
COMMENT ON COLUMN flood_model.figures IS 'what it was worth on storms that it had not seen';

CREATE TABLE flood_forecast (
    sensor_id       text PRIMARY KEY,
    city_code       text NOT NULL,
    made_at         timestamptz NOT NULL,
    rung            text NOT NULL,
    model_id        bigint,
    depth_m         double precision NOT NULL,
    data_age_s      double precision NOT NULL,
    levels_m        double precision[] NOT NULL,
    probability_30  double precision[] NOT NULL,
    probability_60  double precision[] NOT NULL,
    quantiles_30_m  double precision[] NOT NULL,
    quantiles_60_m  double precision[] NOT NULL,
    crossing_min    double precision[] NOT NULL,
    warned          text NOT NULL,
    reasons         text[] NOT NULL,
    closure         jsonb
);
CREATE INDEX flood_forecast_of_city ON flood_forecast (city_code);
COMMENT ON TABLE flood_forecast IS 'The newest forecast of each place';
COMMENT ON COLUMN flood_forecast.made_at IS 'event time up to which readings were looked at';
COMMENT ON COLUMN flood_forecast.levels_m IS 'thresholds of the place, blue to red; the arrays beside it follow them';
COMMENT ON COLUMN flood_forecast.quantiles_60_m IS '10, 50 and 90 % of the highest depth within the hour';
COMMENT ON COLUMN flood_forecast.crossing_min IS 'minutes until the level is expected; NULL: not expected';
COMMENT ON COLUMN flood_forecast.warned IS 'none, blue, yellow, orange, red: the highest level that is warned of';
COMMENT ON COLUMN flood_forecast.closure IS 'advice and affected stretch of road, where there is any';

CREATE TABLE rain_forecast (
    city_code   text NOT NULL,
    issued_at   timestamptz NOT NULL,
    source      text NOT NULL,
    step_s      double precision NOT NULL CHECK (step_s > 0),
    members     jsonb NOT NULL,
    stored_at   timestamptz NOT NULL,
    PRIMARY KEY (city_code, issued_at)
);
COMMENT ON TABLE rain_forecast IS 'Rain that somebody else foresees, as an ensemble';
COMMENT ON COLUMN rain_forecast.members IS '[[mm in each step, from issued_at on], ...], one list per member';
