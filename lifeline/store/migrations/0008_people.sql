-- Who may use the console: people with their roles, their sessions, the tokens of programs, and what they sent in.

CREATE TABLE person (
    person_id   bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    login       text NOT NULL UNIQUE CHECK (login ~ '^[a-z0-9][a-z0-9._-]{0,31}$'),
    name        text NOT NULL UNIQUE CHECK (name <> '' AND name NOT LIKE 'system:%'),
    roles       text[] NOT NULL CHECK (cardinality(roles) > 0),
    cities      text[] NOT NULL DEFAULT '{}',
    crew_id     text,
    shelter_ids text[] NOT NULL DEFAULT '{}',
    password_hash text,
    totp_secret text,
    totp_step   bigint NOT NULL DEFAULT 0,
    created_at  timestamptz NOT NULL,
    disabled_at timestamptz
);
COMMENT ON COLUMN person.name IS 'what the record says who did it: no two people share one';
COMMENT ON COLUMN person.roles IS 'operator, supervisor, crew, warden, engineer, auditor';
COMMENT ON COLUMN person.cities IS 'GB/T 2260 codes; empty: all';
COMMENT ON COLUMN person.crew_id IS 'the crew that somebody of the role crew belongs to';
COMMENT ON COLUMN person.shelter_ids IS 'the shelters that a warden looks after';
COMMENT ON COLUMN person.password_hash IS 'argon2id; empty: not set up yet';
COMMENT ON COLUMN person.totp_secret IS 'base32, confirmed by a code; empty: no second factor yet';
COMMENT ON COLUMN person.totp_step IS 'time step of the newest code that was accepted: a code works once';

CREATE TABLE person_link (
    digest      bytea PRIMARY KEY,
    purpose     text NOT NULL CHECK (purpose IN ('first', 'setup', 'enter')),
    person_id   bigint REFERENCES person ON DELETE CASCADE,
    created_at  timestamptz NOT NULL,
    expires_at  timestamptz NOT NULL,
    used_at     timestamptz,
    CHECK ((purpose = 'first') = (person_id IS NULL))
);
COMMENT ON TABLE person_link IS 'Secrets that work once: to make the first supervisor, to choose a password, to log in';
COMMENT ON COLUMN person_link.digest IS 'SHA-256 of the secret, which is kept nowhere';

CREATE TABLE person_session (
    digest      bytea PRIMARY KEY,
    person_id   bigint NOT NULL REFERENCES person ON DELETE CASCADE,
    form_key    text NOT NULL,
    complete    boolean NOT NULL,
    address     text NOT NULL,
    created_at  timestamptz NOT NULL,
    seen_at     timestamptz NOT NULL,
    expires_at  timestamptz NOT NULL
);
CREATE INDEX person_session_of_person ON person_session (person_id);
COMMENT ON COLUMN person_session.form_key IS 'what every action sent by this session''s pages must carry';
COMMENT ON COLUMN person_session.complete IS 'false: the second factor is still missing';

CREATE TABLE api_token (
    token_id    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    digest      bytea NOT NULL UNIQUE,
    person_id   bigint NOT NULL REFERENCES person ON DELETE CASCADE,
    name        text NOT NULL,
    roles       text[] NOT NULL CHECK (cardinality(roles) > 0),
    read_only   boolean NOT NULL,
    created_at  timestamptz NOT NULL,
    expires_at  timestamptz NOT NULL,
    used_at     timestamptz,
    revoked_at  timestamptz
);
COMMENT ON COLUMN api_token.roles IS 'never more than its person has: what the person loses, the token loses';

CREATE TABLE login_attempt (
    at          timestamptz NOT NULL,
    login       text NOT NULL,
    address     text NOT NULL,
    succeeded   boolean NOT NULL
);
CREATE INDEX login_attempt_of_login ON login_attempt (login, at DESC);
CREATE INDEX login_attempt_of_address ON login_attempt (address, at DESC);
COMMENT ON TABLE login_attempt IS 'What the limits on guessing are judged by; kept 30 days';

CREATE TABLE client_action (
    action_id   uuid PRIMARY KEY,
    person_id   bigint NOT NULL REFERENCES person ON DELETE CASCADE,
    at          timestamptz NOT NULL,
    status      integer NOT NULL,
    answer      jsonb NOT NULL
);
COMMENT ON TABLE client_action IS 'Answers to what phones send from their queue: sent again, an action is answered again and not done again';

CREATE TABLE photo (
    photo_id    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    alarm_id    bigint NOT NULL REFERENCES alarm ON DELETE CASCADE,
    person_id   bigint NOT NULL REFERENCES person,
    at          timestamptz NOT NULL,
    media_type  text NOT NULL CHECK (media_type IN ('image/jpeg', 'image/png', 'image/webp')),
    sha256      bytea NOT NULL,
    content     bytea NOT NULL CHECK (octet_length(content) <= 8388608),
    UNIQUE (alarm_id, sha256)
);
COMMENT ON TABLE photo IS 'Pictures from the place of an alarm; in the table, so that no file name and no folder is involved';
