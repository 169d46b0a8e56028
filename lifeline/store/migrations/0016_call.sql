-- What people in the field ask the operations centre for.

CREATE TABLE field_call (
    call_id     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    client_action_id uuid UNIQUE,
    kind        text NOT NULL CHECK (kind IN ('help', 'need')),
    city_code   text NOT NULL,
    alarm_id    bigint REFERENCES alarm ON DELETE CASCADE,
    shelter_id  text,
    what        text NOT NULL,
    note        text NOT NULL,
    at          timestamptz NOT NULL,
    called_by   text NOT NULL,
    answered_at timestamptz,
    answered_by text,
    CHECK ((alarm_id IS NULL) <> (shelter_id IS NULL))
);
CREATE INDEX field_call_open ON field_call (call_id) WHERE answered_at IS NULL;
COMMENT ON COLUMN field_call.kind IS 'help: a crew at an alarm; need: a shelter';
COMMENT ON COLUMN field_call.what IS 'a word of the console''s catalogue: people, machine, police, medical, water, food, blankets, heating, other';
COMMENT ON COLUMN field_call.answered_by IS 'who in the operations centre has taken it up';
