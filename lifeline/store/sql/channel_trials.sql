-- name: see
-- A channel that is new is known from now on; its first test comes when a whole day has passed.
INSERT INTO channel_trial (channel, at) SELECT channel, %(now)s FROM unnest(%(channels)s::text[]) channel
ON CONFLICT DO NOTHING

-- name: claim
-- Channels whose test is due, sooner after a failure; who moves the time on is the only one that tries.
UPDATE channel_trial SET at = %(now)s
WHERE channel = ANY(%(channels)s)
  AND at <= CASE WHEN failures > 0 THEN %(again_before)s ELSE %(before)s END
RETURNING channel

-- name: record
-- How a test went.
INSERT INTO channel_trial (channel, at, taken_at, failures, error)
VALUES (%(channel)s, %(now)s, CASE WHEN %(error)s = '' THEN %(now)s END, CASE WHEN %(error)s = '' THEN 0 ELSE 1 END,
        %(error)s)
ON CONFLICT (channel) DO UPDATE
SET at = excluded.at, error = excluded.error, taken_at = coalesce(excluded.taken_at, channel_trial.taken_at),
    failures = CASE WHEN excluded.error = '' THEN 0 ELSE channel_trial.failures + 1 END

-- name: trials
-- How the last test of each channel went.
SELECT channel, at, taken_at, failures, error FROM channel_trial ORDER BY channel
