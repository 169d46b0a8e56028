-- How ingest shares the devices among its workers.

CREATE TABLE ingest_layout (
    client_id   text PRIMARY KEY,
    partitions  integer NOT NULL CHECK (partitions BETWEEN 1 AND 64),
    settled_at  timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE ingest_layout IS 'Into how many partitions the sessions at the broker are divided now; no row: one. Changed when the sessions of the former layout are drained';
COMMENT ON COLUMN ingest_layout.client_id IS 'setting ingest.client_id: two ingests on two brokers may share a database';
