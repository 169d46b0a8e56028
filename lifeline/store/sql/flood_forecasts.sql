-- name: clear
-- Nothing is foreseen in a city any more.
DELETE FROM flood_forecast WHERE city_code = %(city_code)s

-- name: add
-- The forecast of one place.
INSERT INTO flood_forecast (sensor_id, city_code, made_at, rung, model_id, depth_m, data_age_s, levels_m,
                            probability_30, probability_60, quantiles_30_m, quantiles_60_m, crossing_min, warned,
                            reasons, closure)
VALUES (%(sensor_id)s, %(city_code)s, %(made_at)s, %(rung)s, %(model_id)s, %(depth_m)s, %(data_age_s)s, %(levels_m)s,
        %(probability_30)s, %(probability_60)s, %(quantiles_30_m)s, %(quantiles_60_m)s, %(crossing_min)s, %(warned)s,
        %(reasons)s, %(closure)s)

-- name: of_city
-- All of a city, the likeliest to reach the second level first.
SELECT sensor_id, city_code, made_at, rung, model_id, depth_m, data_age_s, levels_m, probability_30, probability_60,
       quantiles_30_m, quantiles_60_m, crossing_min, warned, reasons, closure
FROM flood_forecast
WHERE city_code = %(city_code)s
ORDER BY probability_60[2] DESC NULLS LAST, sensor_id
