-- Alarms, their history, and what was told to whom.

CREATE TABLE alarm (
    alarm_id    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    subject     text NOT NULL,
    city_code   text NOT NULL,
    zone_id     text,
    kind        text NOT NULL,
    level       smallint NOT NULL CHECK (level BETWEEN 1 AND 4),
    level_at    timestamptz NOT NULL DEFAULT now(),
    next_level  smallint CHECK (next_level > level),
    state       text NOT NULL,
    title_zh    text NOT NULL,
    title_en    text NOT NULL,
    began_at    timestamptz NOT NULL,
    opened_at   timestamptz NOT NULL,
    cleared_at  timestamptz,
    closed_at   timestamptz,
    shelved_until timestamptz,
    probability double precision NOT NULL,
    provisions  text[] NOT NULL,
    finding_id  bigint NOT NULL REFERENCES finding,
    lon         double precision,
    lat         double precision,
    version     integer NOT NULL DEFAULT 1
);
CREATE UNIQUE INDEX alarm_one_live ON alarm (subject) WHERE state NOT IN ('closed', 'cancelled', 'superseded');
CREATE INDEX alarm_by_opening ON alarm (opened_at DESC);
COMMENT ON COLUMN alarm.level IS '1 red, 2 orange, 3 yellow, 4 blue';
COMMENT ON COLUMN alarm.level_at IS 'event time of the finding that last changed the level';
COMMENT ON COLUMN alarm.next_level IS 'level that the newest finding has, where the present one has not stood long enough to go down to it';
COMMENT ON COLUMN alarm.finding_id IS 'the newest finding about the subject';
COMMENT ON COLUMN alarm.cleared_at IS 'when the condition ended; empty while it lasts';
COMMENT ON COLUMN alarm.shelved_until IS 'when a shelved alarm opens again by itself';
COMMENT ON COLUMN alarm.version IS 'number of its events; a change names the version it was based on';
COMMENT ON INDEX alarm_one_live IS 'one live alarm per subject';

CREATE TABLE alarm_event (
    event_id    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    alarm_id    bigint NOT NULL REFERENCES alarm,
    at          timestamptz NOT NULL,
    actor       text NOT NULL,
    action      text NOT NULL,
    from_state  text,
    to_state    text NOT NULL,
    reason      text NOT NULL,
    note        text NOT NULL DEFAULT '',
    told        text
);
CREATE INDEX alarm_event_of_alarm ON alarm_event (alarm_id, event_id);
CREATE INDEX alarm_event_untold ON alarm_event (event_id) WHERE told IS NULL;
COMMENT ON COLUMN alarm_event.actor IS 'a person''s name, or system:STAGE';
COMMENT ON COLUMN alarm_event.reason IS 'named reason of the decision';
COMMENT ON COLUMN alarm_event.told IS 'named reason why people were told of it or not; empty: the alerts stage has yet to decide';

CREATE TABLE engine_position (
    engine      text PRIMARY KEY,
    finding_id  bigint NOT NULL
);
COMMENT ON TABLE engine_position IS 'Up to here every finding has its decision; moved in the transaction of the decisions';

CREATE TABLE finding_decision (
    finding_id  bigint PRIMARY KEY REFERENCES finding,
    alarm_id    bigint REFERENCES alarm,
    step        text NOT NULL,
    reason      text NOT NULL,
    level_reason text NOT NULL,
    decided_at  timestamptz NOT NULL
);
CREATE INDEX finding_decision_of_alarm ON finding_decision (alarm_id, finding_id DESC);
COMMENT ON TABLE finding_decision IS 'What the alerts stage did about each finding and why, written in the transaction that did it: a finding acts once, however often and in whatever order it is read';
COMMENT ON COLUMN finding_decision.step IS 'open, escalate, lower, update, clear, return, ignore';
COMMENT ON COLUMN finding_decision.level_reason IS 'rule of the policy that gave the level';

CREATE TABLE notice (
    notice_id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    alarm_id        bigint NOT NULL REFERENCES alarm,
    group_key       text NOT NULL DEFAULT '',
    urgency         smallint NOT NULL DEFAULT 4,
    idempotency_key text NOT NULL UNIQUE,
    channel         text NOT NULL,
    address         text NOT NULL,
    subject_line    text NOT NULL,
    body            text NOT NULL,
    payload         jsonb NOT NULL,
    state           text NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'delivered', 'dead')),
    attempts        integer NOT NULL DEFAULT 0,
    created_at      timestamptz NOT NULL,
    next_attempt_at timestamptz NOT NULL,
    leased_until    timestamptz,
    delivered_at    timestamptz,
    last_error      text
);
CREATE INDEX notice_due ON notice (channel, urgency, next_attempt_at, notice_id) WHERE state = 'waiting';
CREATE INDEX notice_of_alarm ON notice (alarm_id);
CREATE INDEX notice_of_group ON notice (group_key, created_at DESC);
COMMENT ON TABLE notice IS 'Transactional outbox: written with the alarm, delivered at least once by the courier';
COMMENT ON COLUMN notice.alarm_id IS 'the gravest alarm that it tells of; notice_event names all';
COMMENT ON COLUMN notice.group_key IS 'city/kind: notices of one group share an allowance';
COMMENT ON COLUMN notice.urgency IS '1 red to 4 blue, 9 good news: the lowest goes first';
COMMENT ON COLUMN notice.channel IS 'name of the channel in the settings';
COMMENT ON COLUMN notice.leased_until IS 'a courier is at it; after this another may try';
COMMENT ON COLUMN notice.state IS 'waiting; delivered: the channel took it; dead: given up, see last_error';

CREATE TABLE notice_event (
    notice_id   bigint NOT NULL REFERENCES notice ON DELETE CASCADE,
    event_id    bigint NOT NULL REFERENCES alarm_event,
    PRIMARY KEY (notice_id, event_id)
);
CREATE INDEX notice_event_of_event ON notice_event (event_id);
COMMENT ON TABLE notice_event IS 'What a notice tells of: one event, or in a storm many';
