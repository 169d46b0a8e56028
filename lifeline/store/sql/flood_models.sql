-- name: retire
-- No version of a city is in use any more.
UPDATE flood_model SET active = false WHERE city_code = %(city_code)s AND active

-- name: add
-- A new version, in use.
INSERT INTO flood_model (city_code, trained_at, made_with, sha256, content, figures, active)
VALUES (%(city_code)s, %(trained_at)s, %(made_with)s, %(sha256)s, %(content)s, %(figures)s, true)
RETURNING model_id

-- name: in_use
-- The version in use.
SELECT model_id, city_code, trained_at, made_with, sha256, content, figures
FROM flood_model
WHERE city_code = %(city_code)s AND active

-- name: number_in_use
-- Its number alone.
SELECT model_id FROM flood_model WHERE city_code = %(city_code)s AND active
