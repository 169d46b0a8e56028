-- What happens outside: roads, crews on duty, work orders, shelters, evacuations and drills.

CREATE TABLE road (
    road_id     text PRIMARY KEY,
    city_code   text NOT NULL REFERENCES city ON DELETE CASCADE,
    from_id     text NOT NULL,
    from_lon    double precision NOT NULL,
    from_lat    double precision NOT NULL,
    to_id       text NOT NULL,
    to_lon      double precision NOT NULL,
    to_lat      double precision NOT NULL,
    length_m    double precision NOT NULL CHECK (length_m > 0),
    speed_km_per_h double precision NOT NULL CHECK (speed_km_per_h > 0)
);
CREATE INDEX road_of_city ON road (city_code);
COMMENT ON TABLE road IS 'Stretches between crossings, open both ways, of the city packs';
COMMENT ON COLUMN road.from_id IS 'a crossing; one id is one crossing in all cities, so that roads lead across a border';

CREATE TABLE crew_presence (
    crew_id     text PRIMARY KEY,
    on_duty     boolean NOT NULL,
    until       timestamptz,
    lon         double precision,
    lat         double precision,
    placed_at   timestamptz,
    changed_at  timestamptz NOT NULL,
    changed_by  text NOT NULL
);
COMMENT ON TABLE crew_presence IS 'What a crew last said of itself; a crew without a row is on duty at its base';
COMMENT ON COLUMN crew_presence.until IS 'end of the shift, or of the rest; empty: until said otherwise';

CREATE TABLE work_order (
    order_id    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    alarm_id    bigint NOT NULL REFERENCES alarm,
    city_code   text NOT NULL,
    kind        text NOT NULL,
    level       smallint NOT NULL,
    skills      text[] NOT NULL,
    materials   jsonb NOT NULL,
    title_zh    text NOT NULL,
    title_en    text NOT NULL,
    lon         double precision,
    lat         double precision,
    exercise    boolean NOT NULL,
    state       text NOT NULL CHECK (state IN ('waiting', 'offered', 'accepted', 'on-site', 'mitigated', 'verified', 'closed', 'cancelled')),
    crew_id     text,
    doer        text,
    verifier    text CHECK (verifier <> doer),
    created_at  timestamptz NOT NULL,
    due_at      timestamptz,
    due_what    text,
    accepted_at timestamptz,
    arrived_at  timestamptz,
    mitigated_at timestamptz,
    verified_at timestamptz,
    closed_at   timestamptz,
    version     integer NOT NULL DEFAULT 1
);
CREATE UNIQUE INDEX work_order_one_live ON work_order (alarm_id) WHERE state NOT IN ('closed', 'cancelled');
CREATE INDEX work_order_of_crew ON work_order (crew_id, order_id DESC);
CREATE INDEX work_order_due ON work_order (due_at) WHERE due_at IS NOT NULL;
COMMENT ON INDEX work_order_one_live IS 'one live work order per alarm';
COMMENT ON COLUMN work_order.state IS 'lifeline.work_order.OrderState; waiting: no crew could be asked';
COMMENT ON COLUMN work_order.crew_id IS 'who is asked, or has it';
COMMENT ON COLUMN work_order.materials IS '[{"zh", "en", "quantity"}]';
COMMENT ON COLUMN work_order.doer IS 'who said that it is mended; somebody else verifies';
COMMENT ON COLUMN work_order.due_at IS 'time limit of the next step, due_what; empty: none, or its breach is recorded';

CREATE TABLE work_offer (
    offer_id    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    order_id    bigint NOT NULL REFERENCES work_order,
    crew_id     text NOT NULL,
    at          timestamptz NOT NULL,
    answer_by   timestamptz NOT NULL,
    minutes     double precision NOT NULL,
    reasons     text[] NOT NULL,
    outcome     text NOT NULL DEFAULT 'waiting' CHECK (outcome IN ('waiting', 'accepted', 'declined', 'timed-out', 'withdrawn')),
    answered_at timestamptz,
    note        text NOT NULL DEFAULT ''
);
CREATE UNIQUE INDEX work_offer_one_waiting ON work_offer (order_id) WHERE outcome = 'waiting';
CREATE INDEX work_offer_of_order ON work_offer (order_id, offer_id);
COMMENT ON COLUMN work_offer.minutes IS 'expected way of the crew over open roads; infinity: no road leads there';
COMMENT ON COLUMN work_offer.reasons IS 'why this crew, in words of alerts.dispatch.Reason';

CREATE TABLE work_event (
    event_id    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    order_id    bigint NOT NULL REFERENCES work_order,
    at          timestamptz NOT NULL,
    done_at     timestamptz NOT NULL,
    who         text NOT NULL,
    action      text NOT NULL,
    from_state  text,
    to_state    text NOT NULL,
    reason      text NOT NULL,
    note        text NOT NULL DEFAULT '',
    lon         double precision,
    lat         double precision,
    client_action_id uuid UNIQUE
);
CREATE INDEX work_event_of_order ON work_event (order_id, event_id);
COMMENT ON COLUMN work_event.done_at IS 'by the phone''s clock; a phone without a net sends it later';
COMMENT ON COLUMN work_event.client_action_id IS 'given by the phone: sent again, an act is not done again';

CREATE TABLE work_photo (
    order_id    bigint NOT NULL REFERENCES work_order,
    sha256      text NOT NULL CHECK (sha256 ~ '^[0-9a-f]{64}$'),
    at          timestamptz NOT NULL,
    taken_at    timestamptz NOT NULL,
    who         text NOT NULL,
    media_type  text NOT NULL,
    size_bytes  bigint NOT NULL CHECK (size_bytes > 0),
    lon         double precision,
    lat         double precision,
    PRIMARY KEY (order_id, sha256)
);
COMMENT ON TABLE work_photo IS 'What is known of the pictures of a work order; the pictures themselves are rows of photo with the same hash';

CREATE TABLE shelter_state (
    shelter_id  text PRIMARY KEY,
    mode        text NOT NULL CHECK (mode IN ('平', '转换中', '急')),
    state       text NOT NULL CHECK (state IN ('standby', 'opening', 'open', 'full', 'closed', 'unsafe')),
    reason      text NOT NULL,
    note        text NOT NULL DEFAULT '',
    people      integer CHECK (people >= 0),
    counted_at  timestamptz,
    counted_by  text,
    changed_at  timestamptz NOT NULL,
    changed_by  text NOT NULL,
    version     integer NOT NULL DEFAULT 1
);
COMMENT ON TABLE shelter_state IS 'How a shelter stands now; one without a row stands as its pack says, on standby, nobody in it';
COMMENT ON COLUMN shelter_state.people IS 'in it when last counted; empty: nobody has counted yet, which is not nobody inside';

CREATE TABLE shelter_count (
    shelter_id  text NOT NULL,
    at          timestamptz NOT NULL,
    people      integer NOT NULL,
    who         text NOT NULL,
    PRIMARY KEY (shelter_id, at)
);
COMMENT ON TABLE shelter_count IS 'Every count of the people inside';

CREATE TABLE shelter_conversion (
    conversion_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    shelter_id  text NOT NULL,
    city_code   text NOT NULL,
    to_mode     text NOT NULL CHECK (to_mode IN ('平', '急')),
    ordered_at  timestamptz NOT NULL,
    ordered_by  text NOT NULL,
    promised_hours double precision NOT NULL,
    exercise    boolean NOT NULL,
    ended_at    timestamptz,
    outcome     text CHECK (outcome IN ('done', 'cancelled'))
);
CREATE UNIQUE INDEX shelter_conversion_one ON shelter_conversion (shelter_id) WHERE ended_at IS NULL;
CREATE TABLE shelter_task (
    conversion_id bigint NOT NULL REFERENCES shelter_conversion,
    task        text NOT NULL,
    place       integer NOT NULL,
    title_zh    text NOT NULL,
    title_en    text NOT NULL,
    promised_hours double precision NOT NULL,
    done_at     timestamptz,
    done_by     text,
    PRIMARY KEY (conversion_id, task)
);
COMMENT ON COLUMN shelter_task.promised_hours IS 'after the order; what it took is done_at - ordered_at';

CREATE TABLE evacuation (
    evacuation_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    city_code   text NOT NULL,
    ordered_at  timestamptz NOT NULL,
    ordered_by  text NOT NULL,
    reason      text NOT NULL,
    exercise    boolean NOT NULL,
    ended_at    timestamptz,
    ended_by    text
);
CREATE TABLE evacuation_cell (
    evacuation_id bigint NOT NULL REFERENCES evacuation,
    cell_id     text NOT NULL,
    lon         double precision NOT NULL,
    lat         double precision NOT NULL,
    people      integer NOT NULL CHECK (people >= 0),
    special_needs integer NOT NULL CHECK (special_needs BETWEEN 0 AND people),
    PRIMARY KEY (evacuation_id, cell_id)
);
CREATE TABLE evacuation_move (
    evacuation_id bigint NOT NULL,
    cell_id     text NOT NULL,
    shelter_id  text NOT NULL,
    special     boolean NOT NULL,
    under_way   integer NOT NULL CHECK (under_way >= 0),
    arrived     integer NOT NULL CHECK (arrived >= 0),
    changed_at  timestamptz NOT NULL,
    changed_by  text NOT NULL,
    PRIMARY KEY (evacuation_id, cell_id, shelter_id, special),
    FOREIGN KEY (evacuation_id, cell_id) REFERENCES evacuation_cell
);
COMMENT ON TABLE evacuation_move IS 'People who have set out and who have arrived: a new plan does not send them elsewhere but for their safety';

CREATE TABLE shelter_plan (
    plan_id     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    evacuation_id bigint NOT NULL REFERENCES evacuation,
    at          timestamptz NOT NULL,
    reason      text NOT NULL,
    opens       text[] NOT NULL,
    figures     jsonb NOT NULL
);
CREATE INDEX shelter_plan_of_evacuation ON shelter_plan (evacuation_id, plan_id DESC);
COMMENT ON COLUMN shelter_plan.opens IS 'sites on standby that the plan wants opened';
CREATE TABLE shelter_assignment (
    plan_id     bigint NOT NULL REFERENCES shelter_plan ON DELETE CASCADE,
    cell_id     text NOT NULL,
    special     boolean NOT NULL,
    shelter_id  text,
    people      integer NOT NULL CHECK (people > 0),
    distance_m  double precision,
    reason      text NOT NULL,
    detail      text NOT NULL
);
CREATE INDEX shelter_assignment_of_plan ON shelter_assignment (plan_id);
COMMENT ON COLUMN shelter_assignment.shelter_id IS 'empty: these people have no place, and reason says why';
COMMENT ON COLUMN shelter_assignment.reason IS 'alerts.assignment.Reason';

CREATE TABLE shelter_exposure (
    shelter_id  text PRIMARY KEY,
    at          timestamptz NOT NULL,
    site_depth_m double precision,
    way_depth_m double precision,
    site_60_m   double precision,
    way_60_m    double precision,
    verdict     text NOT NULL CHECK (verdict IN ('dry', 'threatened', 'flooded', 'unknown')),
    reason      text NOT NULL
);
COMMENT ON TABLE shelter_exposure IS 'Water at the site and on its last 500 m, now and within the hour; unknown: no sensor near that speaks';

CREATE TABLE drill (
    drill_id    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    scenario    text NOT NULL,
    city_code   text NOT NULL,
    started_at  timestamptz NOT NULL,
    started_by  text NOT NULL,
    ended_at    timestamptz,
    scorecard   jsonb NOT NULL DEFAULT '[]'
);
COMMENT ON COLUMN drill.scorecard IS '[{"step", "seconds", "limit_s", "met"}]';
ALTER TABLE alarm ADD COLUMN exercise boolean NOT NULL DEFAULT false;
COMMENT ON COLUMN alarm.exercise IS 'opened by a drill: everything that is told of it says so';
