-- name: put
-- One zone and day, counted anew.
INSERT INTO zone_day (zone_id, city_code, day, hours, inflow_m3, night_flow_m3_per_h, night_use_m3_per_h, loss_m3,
                      told_loss_m3, cost, currency, counted_at)
VALUES (%(zone_id)s, %(city_code)s, %(day)s, %(hours)s, %(inflow_m3)s, %(night_flow_m3_per_h)s, %(night_use_m3_per_h)s,
        %(loss_m3)s, %(told_loss_m3)s, %(cost)s, %(currency)s, %(counted_at)s)
ON CONFLICT (zone_id, day) DO UPDATE
SET city_code = excluded.city_code, hours = excluded.hours, inflow_m3 = excluded.inflow_m3,
    night_flow_m3_per_h = excluded.night_flow_m3_per_h, night_use_m3_per_h = excluded.night_use_m3_per_h,
    loss_m3 = excluded.loss_m3, told_loss_m3 = excluded.told_loss_m3, cost = excluded.cost, currency = excluded.currency,
    counted_at = excluded.counted_at

-- name: days
-- Days of a city's zones from one day to another, oldest first.
SELECT zone_id, city_code, day, hours, inflow_m3, night_flow_m3_per_h, night_use_m3_per_h, loss_m3, told_loss_m3, cost,
       currency, counted_at
FROM zone_day
WHERE city_code = %(city_code)s AND day >= %(first)s AND day <= %(last)s
ORDER BY day, zone_id

-- name: counted
-- Which days of a city are counted, and when that was last done.
SELECT day, min(counted_at) AS counted_at
FROM zone_day
WHERE city_code = %(city_code)s AND day >= %(first)s AND day <= %(last)s
GROUP BY day

-- name: told
-- What the leaks and bursts that were told of took from a zone in a span: flow as it was last told, times how long.
SELECT coalesce(sum(flow_m3_per_h * extract(epoch FROM least(till, %(till)s) - greatest(began_at, %(since)s)) / 3600.0), 0)
           ::double precision AS told_m3
FROM (
    SELECT DISTINCT ON (subject) began_at, coalesce(flow_m3_per_h, 0) AS flow_m3_per_h,
           CASE phase WHEN 'end' THEN detected_at ELSE %(till)s END AS till
    FROM finding
    WHERE zone_id = %(zone_id)s AND kind IN ('leak', 'burst') AND detected_at <= %(till)s
      AND detected_at > %(since)s - interval '400 days'
    ORDER BY subject, finding_id DESC
) newest
WHERE till > %(since)s AND began_at < %(till)s
