-- A clock is measured once a minute, so that a backlog that is being sent is not taken for a clock that is behind.
ALTER TABLE device_total ADD COLUMN clock_measured_at timestamptz;
ALTER TABLE device_total ADD COLUMN clock_spread_s double precision;
COMMENT ON COLUMN device_total.clock_measured_at IS 'when the newest of clock_skews was seen; the next one a minute later';
COMMENT ON COLUMN device_total.clock_spread_s IS 'from the first to the third quartile of clock_skews; that of a backlog is wide';
