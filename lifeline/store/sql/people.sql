-- name: people
-- Everybody with an account, or the one of a login or number.
SELECT person_id, login, name, roles, cities, crew_id, shelter_ids, password_hash IS NOT NULL AS has_password,
       totp_secret IS NOT NULL AS has_totp, disabled_at
FROM person
WHERE (%(login)s::text IS NULL OR login = %(login)s) AND (%(person_id)s::bigint IS NULL OR person_id = %(person_id)s)
ORDER BY disabled_at IS NOT NULL, login

-- name: anybody
-- Whether anybody could log in to look after the others.
SELECT EXISTS (SELECT FROM person WHERE 'supervisor' = ANY(roles) AND disabled_at IS NULL) AS found

-- name: add
-- A new person; none where the login or the name is taken.
INSERT INTO person (login, name, roles, cities, crew_id, shelter_ids, created_at)
VALUES (%(login)s, %(name)s, %(roles)s, %(cities)s, %(crew_id)s, %(shelter_ids)s, %(now)s)
ON CONFLICT DO NOTHING
RETURNING person_id

-- name: change
-- What a person may do, and where.
UPDATE person SET roles = %(roles)s, cities = %(cities)s, crew_id = %(crew_id)s, shelter_ids = %(shelter_ids)s
WHERE person_id = %(person_id)s

-- name: disable
-- Locks a person out, or lets in again.
UPDATE person SET disabled_at = %(disabled_at)s WHERE person_id = %(person_id)s

-- name: set_password
-- A new password, or none.
UPDATE person SET password_hash = %(password_hash)s WHERE person_id = %(person_id)s

-- name: set_totp
-- A new second factor, or none.
UPDATE person SET totp_secret = %(totp_secret)s, totp_step = %(step)s WHERE person_id = %(person_id)s

-- name: proofs
-- What a person must show.
SELECT person_id, password_hash, totp_secret, totp_step FROM person WHERE login = %(login)s

-- name: use_step
-- Uses a code up; no row where somebody used it or a later one meanwhile.
UPDATE person SET totp_step = %(step)s WHERE person_id = %(person_id)s AND totp_step < %(step)s RETURNING person_id

-- name: end_sessions
-- Logs a person out everywhere, but for the session given.
DELETE FROM person_session WHERE person_id = %(person_id)s AND digest IS DISTINCT FROM %(but)s

-- name: end_tokens
-- Takes a person's tokens back.
UPDATE api_token SET revoked_at = %(now)s WHERE person_id = %(person_id)s AND revoked_at IS NULL

-- name: withdraw_links
-- A newer link makes the older ones of its purpose worthless.
DELETE FROM person_link
WHERE purpose = %(purpose)s AND person_id IS NOT DISTINCT FROM %(person_id)s AND used_at IS NULL

-- name: add_link
-- A secret that works once.
INSERT INTO person_link (digest, purpose, person_id, created_at, expires_at)
VALUES (%(digest)s, %(purpose)s, %(person_id)s, %(now)s, %(expires_at)s)

-- name: link
-- A link that would work now.
SELECT purpose, person_id FROM person_link
WHERE digest = %(digest)s AND used_at IS NULL AND expires_at > %(now)s

-- name: use_link
-- Uses a link up: of two that come at once, one gets the row.
UPDATE person_link SET used_at = %(now)s
WHERE digest = %(digest)s AND purpose = %(purpose)s AND used_at IS NULL AND expires_at > %(now)s
RETURNING person_id
