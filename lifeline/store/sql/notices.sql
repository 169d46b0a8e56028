-- name: add
-- Puts a notice into the outbox.
WITH added AS (
    INSERT INTO notice (alarm_id, group_key, urgency, idempotency_key, channel, address, subject_line, body, payload,
                        person, fallbacks, created_at, next_attempt_at)
    VALUES (%(alarm_id)s, %(group_key)s, %(urgency)s, %(idempotency_key)s, %(channel)s, %(address)s, %(subject_line)s,
            %(body)s, %(payload)s, %(person)s, %(fallbacks)s, %(now)s, %(now)s)
    ON CONFLICT (idempotency_key) DO NOTHING
    RETURNING notice_id)
INSERT INTO notice_event (notice_id, event_id) SELECT notice_id, unnest(%(event_ids)s::bigint[]) FROM added

-- name: lease
-- Takes due notices of a channel, the gravest first, so that no other courier takes them before the lease ends. Good
-- news waits until the bad news of the same alarms has gone to the same address.
UPDATE notice SET leased_until = %(until)s, attempts = attempts + 1
WHERE notice_id IN (
    SELECT n.notice_id FROM notice n
    WHERE n.state = 'waiting' AND n.channel = %(channel)s AND n.next_attempt_at <= %(now)s
      AND (n.leased_until IS NULL OR n.leased_until <= %(now)s)
      AND (n.urgency < 9 OR NOT EXISTS (
          SELECT FROM notice_event own
          JOIN alarm_event good ON good.event_id = own.event_id
          JOIN alarm_event bad ON bad.alarm_id = good.alarm_id
          JOIN notice_event theirs ON theirs.event_id = bad.event_id
          JOIN notice earlier ON earlier.notice_id = theirs.notice_id
          WHERE own.notice_id = n.notice_id AND earlier.notice_id < n.notice_id AND earlier.state = 'waiting'
            AND earlier.channel = n.channel AND earlier.address = n.address))
    ORDER BY n.urgency, n.next_attempt_at, n.notice_id
    LIMIT %(limit)s
    FOR UPDATE SKIP LOCKED)
RETURNING notice_id, alarm_id, urgency, idempotency_key, channel, address, subject_line, body, payload,
          state, attempts, created_at, next_attempt_at, delivered_at, last_error, person, fallbacks

-- name: delivered
-- The channel took it; true even where another courier has taken the notice meanwhile.
UPDATE notice SET state = 'delivered', delivered_at = %(now)s, leased_until = NULL
WHERE notice_id = %(notice_id)s AND state <> 'delivered'

-- name: failed
-- The channel did not take it: wait. Only for who still holds the lease.
UPDATE notice SET next_attempt_at = %(next_attempt_at)s, leased_until = NULL, last_error = %(error)s
WHERE notice_id = %(notice_id)s AND state = 'waiting' AND attempts = %(attempts)s

-- name: dead
-- Given up, with the reason. Only for who still holds the lease.
UPDATE notice SET state = 'dead', leased_until = NULL, last_error = %(error)s
WHERE notice_id = %(notice_id)s AND state = 'waiting' AND attempts = %(attempts)s

-- name: move_on
-- The channel did not take it: a copy goes to the fallback. Only for who still holds the lease.
WITH moved AS (
    UPDATE notice SET state = 'moved', leased_until = NULL, last_error = %(error)s
    WHERE notice_id = %(notice_id)s AND state = 'waiting' AND attempts = %(attempts)s
    RETURNING *),
added AS (
    INSERT INTO notice (alarm_id, group_key, urgency, idempotency_key, channel, address, subject_line, body, payload,
                        person, fallbacks, created_at, next_attempt_at)
    SELECT alarm_id, group_key, urgency, %(key)s, %(channel)s, %(address)s, subject_line, body,
           jsonb_set(payload, '{idempotency_key}', to_jsonb(%(key)s::text)), person, %(fallbacks)s, created_at, %(now)s
    FROM moved
    ON CONFLICT (idempotency_key) DO NOTHING
    RETURNING notice_id)
INSERT INTO notice_event (notice_id, event_id)
SELECT added.notice_id, e.event_id FROM added, notice_event e WHERE e.notice_id = %(notice_id)s

-- name: open_allowance
-- A channel's allowance exists; a new one is full.
INSERT INTO channel_allowance (channel, tokens, filled_at) VALUES (%(channel)s, %(most)s, %(now)s) ON CONFLICT DO NOTHING

-- name: allowance
-- A channel's allowance, held until the transaction ends.
SELECT tokens, filled_at FROM channel_allowance WHERE channel = %(channel)s FOR UPDATE

-- name: spend
-- What is left of a channel's allowance.
UPDATE channel_allowance SET tokens = %(tokens)s, filled_at = %(now)s WHERE channel = %(channel)s

-- name: postpone
-- Given back untried: the channel's allowance is used up. Only for who still holds the lease.
UPDATE notice SET next_attempt_at = %(until)s, leased_until = NULL, attempts = attempts - 1
WHERE notice_id = %(notice_id)s AND state = 'waiting' AND attempts = %(attempts)s

-- name: troubled
-- Channels whose newest notice with an outcome was given up or moved, not delivered.
SELECT last.channel, a.city_code, last.last_error, last.created_at
FROM (SELECT DISTINCT channel FROM notice WHERE state IN ('dead', 'moved') AND created_at > %(since)s) bad
CROSS JOIN LATERAL (
    SELECT channel, alarm_id, last_error, created_at FROM notice
    WHERE channel = bad.channel AND state IN ('dead', 'moved') AND created_at > %(since)s
    ORDER BY notice_id DESC LIMIT 1
) last
JOIN alarm a USING (alarm_id)
WHERE NOT EXISTS (SELECT FROM notice ok WHERE ok.channel = last.channel AND ok.state = 'delivered'
                    AND ok.delivered_at > last.created_at)

-- name: hurry
-- The channel works again: what waits for its next attempt goes now.
UPDATE notice SET next_attempt_at = %(now)s
WHERE state = 'waiting' AND channel = %(channel)s AND next_attempt_at > %(now)s AND attempts > 0

-- name: revive
-- Sends again what was given up.
UPDATE notice SET state = 'waiting', attempts = 0, next_attempt_at = %(now)s, leased_until = NULL
WHERE state = 'dead' AND (%(channel)s::text IS NULL OR channel = %(channel)s)

-- name: of_alarm
-- What was told about an alarm, oldest first.
SELECT notice_id, alarm_id, urgency, idempotency_key, channel, address, subject_line, body, payload,
       state, attempts, created_at, next_attempt_at, delivered_at, last_error, person, fallbacks
FROM notice
WHERE notice_id IN (SELECT told.notice_id FROM alarm_event JOIN notice_event told USING (event_id)
                    WHERE alarm_event.alarm_id = %(alarm_id)s)
ORDER BY notice_id

-- name: counts
-- How many notices wait, and how many were given up.
SELECT count(*) FILTER (WHERE state = 'waiting') AS waiting, count(*) FILTER (WHERE state = 'dead') AS dead
FROM notice WHERE state IN ('waiting', 'dead')

-- name: outcomes
-- How many notices were delivered, and why the last one was given up.
SELECT count(*) AS delivered,
       (SELECT last_error FROM notice WHERE state = 'dead' ORDER BY notice_id DESC LIMIT 1) AS last_error
FROM notice WHERE state = 'delivered'

-- name: bury
-- Gives up what waits for a channel that is not in the settings any more.
UPDATE notice SET state = 'dead', leased_until = NULL, last_error = format('the settings have no channel %%L', channel)
WHERE state = 'waiting' AND channel <> ALL(%(channels)s)
