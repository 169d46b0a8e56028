-- Who is called when nobody answers, answers by link, fall-over between channels, policies in force, warnings in and out.

ALTER TABLE notice
    ADD COLUMN person text,
    ADD COLUMN fallbacks jsonb NOT NULL DEFAULT '[]',
    DROP CONSTRAINT notice_state_check,
    ADD CONSTRAINT notice_state_check CHECK (state IN ('waiting', 'delivered', 'dead', 'moved'));
COMMENT ON COLUMN notice.person IS 'id of the person of the roster whom it calls; empty: whoever reads the channel';
COMMENT ON COLUMN notice.fallbacks IS '[{"channel", "address"}]: where it goes when this channel does not take it';
COMMENT ON COLUMN notice.state IS 'waiting; delivered: the channel took it; moved: given to its fallback; dead: given up, see last_error';

CREATE INDEX notice_unsettled ON notice (state) WHERE state IN ('waiting', 'dead');
CREATE INDEX notice_given_up ON notice (channel, notice_id DESC) WHERE state IN ('dead', 'moved');
CREATE INDEX notice_taken ON notice (channel, delivered_at DESC) WHERE state = 'delivered';

CREATE TABLE channel_allowance (
    channel     text PRIMARY KEY,
    tokens      double precision NOT NULL,
    filled_at   timestamptz NOT NULL
);
COMMENT ON TABLE channel_allowance IS 'Token bucket of each channel with a limit, shared by all couriers';

ALTER TABLE finding_decision ADD COLUMN policy text;
COMMENT ON COLUMN finding_decision.policy IS 'version of the policy that decided';

CREATE TABLE rule_book (
    kind        text NOT NULL CHECK (kind IN ('policy', 'roster', 'users')),
    sha256      text NOT NULL,
    version     text NOT NULL,
    content     text NOT NULL,
    since       timestamptz NOT NULL,
    PRIMARY KEY (kind, sha256, since)
);
COMMENT ON TABLE rule_book IS 'Each policy, roster and list of critical users that came into force, as it stood, and when';

CREATE TABLE watch (
    alarm_id    bigint PRIMARY KEY REFERENCES alarm,
    since       timestamptz NOT NULL,
    rung        smallint NOT NULL,
    next_at     timestamptz,
    declined_by text
);
CREATE INDEX alarm_of_subject ON alarm (subject, alarm_id DESC);
COMMENT ON TABLE watch IS 'Alarms that wait for an answer: which rung of the escalation has been called and when the next one is';
COMMENT ON COLUMN watch.since IS 'the event that nobody has answered yet';
COMMENT ON COLUMN watch.next_at IS 'when the next rung is called; empty: the whole line was called and nobody answered';

COMMENT ON COLUMN watch.declined_by IS 'who of the rung has said that they cannot come';

CREATE TABLE call (
    call_id     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    alarm_id    bigint NOT NULL REFERENCES alarm,
    at          timestamptz NOT NULL,
    rung        smallint NOT NULL,
    role        text NOT NULL,
    person      text NOT NULL,
    reason      text NOT NULL
);
CREATE INDEX call_of_alarm ON call (alarm_id, call_id);
CREATE INDEX call_of_person ON call (person, at DESC);
COMMENT ON TABLE call IS 'Who was called about which alarm, in which part of the line, and why';

CREATE TABLE answer_link (
    link_id     uuid PRIMARY KEY,
    person      text NOT NULL,
    name        text NOT NULL,
    language    text NOT NULL,
    alarm_ids   bigint[] NOT NULL,
    issued_at   timestamptz NOT NULL,
    expires_at  timestamptz NOT NULL,
    used_at     timestamptz
);
COMMENT ON TABLE answer_link IS 'One-time links by which a person answers the alarms of one notice';

CREATE TABLE answer (
    answer_id   bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at          timestamptz NOT NULL,
    link_id     uuid,
    outcome     text NOT NULL,
    remote      text NOT NULL,
    detail      text NOT NULL DEFAULT ''
);
CREATE INDEX answer_by_time ON answer (at DESC);
COMMENT ON TABLE answer IS 'Every use of an answer link, also those that were refused';
COMMENT ON COLUMN answer.outcome IS 'taken, declined, too-late; refused: forged, expired, used, unknown';

CREATE TABLE weather_warning (
    identifier  text PRIMARY KEY,
    sender      text NOT NULL,
    event       text NOT NULL,
    colour      text NOT NULL,
    status      text NOT NULL,
    msg_type    text NOT NULL,
    areas       text[] NOT NULL,
    sent        timestamptz NOT NULL,
    effective   timestamptz NOT NULL,
    expires     timestamptz NOT NULL,
    ended_at    timestamptz,
    ended_by    text,
    refs        text[] NOT NULL DEFAULT '{}',
    headline    text NOT NULL,
    content     text NOT NULL,
    imported_at timestamptz NOT NULL,
    imported_by text NOT NULL
);
COMMENT ON TABLE weather_warning IS 'Warnings of others that policy listens to, as imported';
COMMENT ON COLUMN weather_warning.areas IS 'GB/T 2260 codes, as long as the sender writes them';
COMMENT ON COLUMN weather_warning.refs IS 'identifiers that it refers to: all earlier ones (CAP) or the first of the event (national form)';
COMMENT ON COLUMN weather_warning.ended_by IS 'identifier of the message that replaced or ended it';

CREATE TABLE bulletin (
    bulletin_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    identifier  text NOT NULL UNIQUE,
    chain       text NOT NULL,
    alarm_id    bigint NOT NULL REFERENCES alarm,
    city_code   text NOT NULL,
    status      text NOT NULL CHECK (status IN ('Actual', 'Exercise', 'Test')),
    msg_type    text NOT NULL CHECK (msg_type IN ('Alert', 'Update', 'Cancel')),
    level       smallint NOT NULL,
    sent        timestamptz NOT NULL,
    expires     timestamptz NOT NULL,
    approved_by text CHECK (status <> 'Actual' OR approved_by <> ''),
    record      jsonb NOT NULL,
    cap         text NOT NULL,
    national    text NOT NULL
);
CREATE INDEX bulletin_of_alarm ON bulletin (alarm_id, bulletin_id);
CREATE INDEX bulletin_by_time ON bulletin (sent DESC);
COMMENT ON TABLE bulletin IS 'Public messages about alarms: CAP 1.2 and the national form of the same record';
COMMENT ON COLUMN bulletin.chain IS 'identifier of the first message of the event';

CREATE TABLE bulletin_approval (
    approval_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    alarm_id    bigint NOT NULL REFERENCES alarm,
    at          timestamptz NOT NULL,
    approved_by text NOT NULL CHECK (approved_by <> ''),
    bulletin_id bigint REFERENCES bulletin,
    outcome     text
);
CREATE INDEX bulletin_approval_open ON bulletin_approval (approval_id) WHERE outcome IS NULL;
COMMENT ON TABLE bulletin_approval IS 'Who signed that the public is told of an alarm: each signature is worth one Actual message';
COMMENT ON COLUMN bulletin_approval.outcome IS 'published; nothing-to-say; refused: why. Empty: the alerts stage has yet to do it';
