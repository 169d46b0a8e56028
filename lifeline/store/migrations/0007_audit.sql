-- The audit trail: who did what, each row carrying the hash of the one before, so that no change goes unseen.

CREATE TABLE audit (
    audit_id    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    seq         bigint UNIQUE,
    at          timestamptz NOT NULL,
    who         text NOT NULL,
    action      text NOT NULL,
    subject     text NOT NULL,
    detail      text NOT NULL,
    previous    bytea,
    hash        bytea
);
CREATE INDEX audit_of_subject ON audit (subject, audit_id);
CREATE INDEX audit_of_action ON audit (action, at);
COMMENT ON TABLE audit IS 'Append-only and chained; lifeline.store.audit writes and proves it';
COMMENT ON COLUMN audit.seq IS 'place in the chain, 1, 2, 3 ... without a gap; given when the transaction commits';
COMMENT ON COLUMN audit.who IS 'a person''s name, or system:STAGE';
COMMENT ON COLUMN audit.action IS 'noun.verb, e.g. alarm.acknowledge';
COMMENT ON COLUMN audit.subject IS 'noun:id, e.g. alarm:7';
COMMENT ON COLUMN audit.detail IS 'JSON object as text: its bytes are part of the hash';
COMMENT ON COLUMN audit.previous IS 'hash of row seq - 1; 32 zero bytes before the first';
COMMENT ON COLUMN audit.hash IS 'SHA-256 of previous and of seq, microseconds since 1970, who, action, subject, detail as netstrings';

CREATE TABLE audit_head (
    one         boolean PRIMARY KEY DEFAULT true CHECK (one),
    seq         bigint NOT NULL,
    hash        bytea NOT NULL
);
COMMENT ON TABLE audit_head IS 'The last row of the chain: a chain cut short does not fit it. Its lock puts writers in a row';
INSERT INTO audit_head (seq, hash) VALUES (0, decode(repeat('00', 32), 'hex'));

CREATE FUNCTION audit_netstring(words text) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT octet_length(convert_to(words, 'UTF8')) || ':' || words || ','
$$;

-- Sealing waits for the commit: the lock on the head is the last one taken and held for an instant, so that writers
-- neither wait for each other's work nor meet in a deadlock.
CREATE FUNCTION audit_seal() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    head audit_head%ROWTYPE;
    row_hash bytea;
BEGIN
    SELECT * INTO STRICT head FROM audit_head FOR UPDATE;
    row_hash := sha256(head.hash || convert_to(
        audit_netstring((head.seq + 1)::text)
        || audit_netstring((extract(epoch FROM NEW.at) * 1000000)::bigint::text)
        || audit_netstring(NEW.who) || audit_netstring(NEW.action) || audit_netstring(NEW.subject)
        || audit_netstring(NEW.detail), 'UTF8'));
    UPDATE audit SET seq = head.seq + 1, previous = head.hash, hash = row_hash WHERE audit_id = NEW.audit_id;
    UPDATE audit_head SET seq = head.seq + 1, hash = row_hash;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER audit_seal AFTER INSERT ON audit DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION audit_seal();

CREATE FUNCTION audit_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND OLD.seq IS NULL AND NEW.seq IS NOT NULL
       AND (NEW.at, NEW.who, NEW.action, NEW.subject, NEW.detail) = (OLD.at, OLD.who, OLD.action, OLD.subject, OLD.detail)
    THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'the audit trail is only added to';
END $$;
CREATE TRIGGER audit_append_only BEFORE UPDATE OR DELETE ON audit FOR EACH ROW EXECUTE FUNCTION audit_refuse();
CREATE TRIGGER audit_no_truncate BEFORE TRUNCATE ON audit FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse();
