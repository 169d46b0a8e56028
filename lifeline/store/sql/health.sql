-- name: edition
-- What server this is: versions, and the edition that decides which features it has.
SELECT current_setting('server_version') AS postgresql,
       (SELECT extversion FROM pg_extension WHERE extname = 'timescaledb') AS timescaledb,
       current_setting('timescaledb.license') AS license

-- name: server_time
-- The database's clock.
SELECT clock_timestamp() AS now

-- name: outbox
-- Notices by state, and why the last one was given up.
SELECT count(*) FILTER (WHERE state = 'waiting') AS waiting,
       count(*) FILTER (WHERE state = 'dead') AS dead,
       count(*) FILTER (WHERE state = 'delivered') AS delivered,
       (SELECT last_error FROM notice WHERE state = 'dead' ORDER BY notice_id DESC LIMIT 1) AS last_error
FROM notice
