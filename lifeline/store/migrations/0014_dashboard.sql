-- What dashboards may read: views without people, addresses, texts of notices, passwords and tokens.

CREATE SCHEMA IF NOT EXISTS dashboard;
COMMENT ON SCHEMA dashboard IS 'The only schema that the role of Grafana may read; its columns are kept when tables change';

CREATE VIEW dashboard.city AS SELECT city_code, name_zh, name_en, version, loaded_at FROM city;

CREATE VIEW dashboard.zone AS SELECT zone_id, city_code, kind, name_zh, name_en, district FROM zone;

CREATE VIEW dashboard.sensor AS
SELECT sensor_key, sensor_id, city_code, device_id, quantity, site, zone_id, lon, lat, interval_s, name_zh, name_en
FROM sensor
WHERE retired_at IS NULL;

CREATE VIEW dashboard.minute AS
SELECT s.sensor_id, s.city_code, s.zone_id, s.quantity, r.began_at, r.readings, r.good, r.min, r.max, r.mean, r.last
FROM rollup_minute r JOIN sensor s USING (sensor_key);
CREATE VIEW dashboard.quarter AS
SELECT s.sensor_id, s.city_code, s.zone_id, s.quantity, r.began_at, r.readings, r.good, r.min, r.max, r.mean, r.last
FROM rollup_quarter r JOIN sensor s USING (sensor_key);
CREATE VIEW dashboard.hour AS
SELECT s.sensor_id, s.city_code, s.zone_id, s.quantity, r.began_at, r.readings, r.good, r.min, r.max, r.mean, r.last
FROM rollup_hour r JOIN sensor s USING (sensor_key);

CREATE VIEW dashboard.sensor_now AS
SELECT s.sensor_id, s.city_code, s.zone_id, s.quantity, r.observed_at, r.value, r.quality,
       coalesce(r.observed_at < now() - greatest(3 * s.interval_s, 60) * INTERVAL '1 second', true) AS silent
FROM sensor s
LEFT JOIN LATERAL (
    SELECT observed_at, value, quality FROM reading
    WHERE sensor_key = s.sensor_key AND observed_at > now() - INTERVAL '1 day'
    ORDER BY observed_at DESC LIMIT 1
) r ON true
WHERE s.retired_at IS NULL;
COMMENT ON VIEW dashboard.sensor_now IS 'Newest reading of the last day; silent: none for three of its intervals, a minute at the least';

CREATE VIEW dashboard.device AS
SELECT device_id, city_code, online, last_seen_at, last_observed_at, clock_skew_s,
       received, stored, duplicate, conflict, rejected
FROM device;

CREATE VIEW dashboard.device_silence AS
SELECT d.device_id, d.city_code, d.last_seen_at,
       coalesce(d.last_seen_at < now() - greatest(3 * s.interval_s, 60) * INTERVAL '1 second', true) AS silent
FROM (SELECT device_id, min(interval_s) AS interval_s FROM sensor WHERE retired_at IS NULL GROUP BY 1) s
JOIN device d USING (device_id);

CREATE VIEW dashboard.stranger AS
SELECT city_code, device_id, first_seen_at, last_seen_at, messages, readings, channels FROM stranger;

CREATE VIEW dashboard.reject AS
SELECT received_at, device_id, reason, detail, times, resolved_at FROM reject;

CREATE VIEW dashboard.finding AS
SELECT finding_id, subject, kind, phase, city_code, zone_id, detector, reason, began_at, detected_at, stored_at,
       probability, sensor_ids, lon, lat, candidates, flow_m3_per_h, depth_m
FROM finding;

CREATE VIEW dashboard.alarm AS
SELECT a.alarm_id, a.subject, a.city_code, a.zone_id, a.kind, a.level,
       (ARRAY['red', 'orange', 'yellow', 'blue'])[a.level] AS level_name,
       a.state, a.state NOT IN ('closed', 'cancelled', 'superseded') AS live,
       a.title_zh, a.title_en, a.began_at, a.opened_at, a.cleared_at, a.closed_at, a.shelved_until,
       a.probability, a.provisions, a.lon, a.lat, e.acknowledged_at, e.dispatched_at
FROM alarm a
LEFT JOIN LATERAL (
    SELECT min(at) FILTER (WHERE to_state = 'acknowledged') AS acknowledged_at,
           min(at) FILTER (WHERE to_state = 'dispatched') AS dispatched_at
    FROM alarm_event WHERE alarm_id = a.alarm_id
) e ON true;

CREATE VIEW dashboard.notice AS
SELECT notice_id, alarm_id, channel, urgency, state, attempts, created_at, delivered_at, last_error FROM notice;

CREATE VIEW dashboard.stage AS SELECT stage, worker, started_at, beat_at FROM stage;

CREATE VIEW dashboard.zone_day AS SELECT * FROM zone_day;

CREATE VIEW dashboard.verdict AS
SELECT subject, finding_id, city_code, zone_id, said, asset_id, flow_m3_per_h, began_at, ended_at, said_at FROM verdict;

CREATE VIEW dashboard.flood_forecast AS
SELECT sensor_id, city_code, made_at, rung, model_id, depth_m, data_age_s, levels_m, probability_30, probability_60,
       quantiles_30_m, quantiles_60_m, crossing_min, warned, reasons, closure
FROM flood_forecast;

CREATE VIEW dashboard.flood_model AS
SELECT model_id, city_code, trained_at, figures, active FROM flood_model;
