#!/usr/bin/env bash
# Runs once, when the database is empty: a role and a database each for Airflow, Driftline and the demo's prediction log,
# and three roles that only read.
set -euo pipefail

psql --username "$POSTGRES_USER" --dbname postgres --set ON_ERROR_STOP=1 \
    --set airflow="$AIRFLOW_DB_PASSWORD" --set driftline="$DRIFTLINE_DB_PASSWORD" --set flights="$FLIGHTS_DB_PASSWORD" \
    --set reader="$READER_DB_PASSWORD" --set grafana="$GRAFANA_DB_PASSWORD" --set router="$ROUTER_DB_PASSWORD" <<'SQL'
CREATE ROLE airflow LOGIN PASSWORD :'airflow';
CREATE ROLE driftline LOGIN PASSWORD :'driftline';
CREATE ROLE flights LOGIN PASSWORD :'flights';
CREATE ROLE driftline_reader LOGIN PASSWORD :'reader';
CREATE ROLE driftline_dashboards LOGIN PASSWORD :'grafana';
CREATE ROLE driftline_router LOGIN PASSWORD :'router';
CREATE DATABASE airflow OWNER airflow;
CREATE DATABASE driftline OWNER driftline;
CREATE DATABASE flights OWNER flights;
REVOKE ALL ON DATABASE airflow, driftline, flights FROM PUBLIC;
GRANT CONNECT ON DATABASE flights TO driftline_reader;
GRANT CONNECT ON DATABASE driftline TO driftline_dashboards, driftline_router;
SQL
