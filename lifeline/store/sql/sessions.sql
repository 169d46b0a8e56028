-- name: add
-- A new session.
INSERT INTO person_session (digest, person_id, form_key, complete, address, created_at, seen_at, expires_at)
VALUES (%(digest)s, %(person_id)s, %(form_key)s, %(complete)s, %(address)s, %(now)s, %(now)s, %(expires_at)s)

-- name: session
-- A session that is in force, with its person.
SELECT s.form_key, s.complete, s.seen_at, p.person_id, p.login, p.name, p.roles, p.cities, p.crew_id, p.shelter_ids,
       p.password_hash IS NOT NULL AS has_password, p.totp_secret IS NOT NULL AS has_totp, p.disabled_at
FROM person_session s
JOIN person p USING (person_id)
WHERE s.digest = %(digest)s AND s.expires_at > %(now)s AND s.seen_at > %(idle_since)s AND p.disabled_at IS NULL

-- name: seen
-- The session is in use.
UPDATE person_session SET seen_at = %(now)s WHERE digest = %(digest)s

-- name: end
-- Ends a session.
DELETE FROM person_session WHERE digest = %(digest)s RETURNING person_id

-- name: tidy
-- Forgets sessions that ended by themselves and old attempts.
WITH old AS (DELETE FROM login_attempt WHERE at < %(old)s)
DELETE FROM person_session WHERE expires_at <= %(now)s OR seen_at <= %(idle_since)s

-- name: token
-- A token that is in force, with its person.
SELECT t.token_id, t.roles AS token_roles, t.read_only, t.used_at, p.person_id, p.login, p.name, p.roles, p.cities,
       p.crew_id, p.shelter_ids, p.password_hash IS NOT NULL AS has_password, p.totp_secret IS NOT NULL AS has_totp,
       p.disabled_at
FROM api_token t
JOIN person p USING (person_id)
WHERE t.digest = %(digest)s AND t.expires_at > %(now)s AND t.revoked_at IS NULL AND p.disabled_at IS NULL

-- name: token_used
-- The token is in use.
UPDATE api_token SET used_at = %(now)s WHERE token_id = %(token_id)s

-- name: add_token
-- A new token.
INSERT INTO api_token (digest, person_id, name, roles, read_only, created_at, expires_at)
VALUES (%(digest)s, %(person_id)s, %(name)s, %(roles)s, %(read_only)s, %(now)s, %(expires_at)s)
RETURNING token_id

-- name: tokens
-- All tokens, those in force first.
SELECT t.token_id, p.login, t.name, t.roles, t.read_only, t.created_at, t.expires_at, t.used_at, t.revoked_at
FROM api_token t
JOIN person p USING (person_id)
WHERE %(login)s::text IS NULL OR p.login = %(login)s
ORDER BY t.revoked_at IS NOT NULL, t.token_id DESC

-- name: revoke
-- Takes a token back.
UPDATE api_token SET revoked_at = %(now)s WHERE token_id = %(token_id)s AND revoked_at IS NULL RETURNING token_id

-- name: attempt
-- Somebody tried to log in.
INSERT INTO login_attempt (at, login, address, succeeded) VALUES (%(now)s, %(login)s, %(address)s, %(succeeded)s)

-- name: attempts
-- Failures since an instant: of this login from this address since its last success, of the login, of the address; and
-- whether the two have ever come together rightly.
SELECT
    (SELECT count(*) FROM login_attempt a
     WHERE a.login = %(login)s AND a.address = %(address)s AND a.at > %(since)s AND NOT a.succeeded
       AND a.at > coalesce((SELECT max(at) FROM login_attempt
                            WHERE login = %(login)s AND address = %(address)s AND succeeded), '-infinity')) AS of_pair,
    (SELECT max(at) FROM login_attempt
     WHERE login = %(login)s AND address = %(address)s AND NOT succeeded) AS last_of_pair,
    (SELECT count(*) FROM login_attempt WHERE login = %(login)s AND at > %(since)s AND NOT succeeded) AS of_login,
    (SELECT count(*) FROM login_attempt WHERE address = %(address)s AND at > %(since)s AND NOT succeeded) AS of_address,
    EXISTS (SELECT FROM login_attempt WHERE login = %(login)s AND address = %(address)s AND succeeded) AS known
