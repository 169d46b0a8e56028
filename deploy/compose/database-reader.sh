#!/bin/sh
# Runs once, when the database is made: a role for dashboards that may read their views and change nothing.
set -eu
psql --no-psqlrc --set=ON_ERROR_STOP=1 --set=password="$GRAFANA_DATABASE_PASSWORD" \
    --username="$POSTGRES_USER" --dbname="$POSTGRES_DB" <<'SQL'
CREATE ROLE grafana LOGIN PASSWORD :'password';
CREATE SCHEMA IF NOT EXISTS dashboard;
GRANT USAGE ON SCHEMA dashboard TO grafana;
ALTER DEFAULT PRIVILEGES IN SCHEMA dashboard GRANT SELECT ON TABLES TO grafana;
ALTER ROLE grafana SET default_transaction_read_only = on;
ALTER ROLE grafana SET statement_timeout = '30s';
SQL
