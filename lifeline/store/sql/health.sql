-- name: edition
-- What server this is: versions, and the edition that decides which features it has.
SELECT current_setting('server_version') AS postgresql,
       (SELECT extversion FROM pg_extension WHERE extname = 'timescaledb') AS timescaledb,
       current_setting('timescaledb.license') AS license

-- name: server_time
-- The database's clock.
SELECT clock_timestamp() AS now
