-- Readings of devices, which are looked at for an hour, and marks at moments that may be before 1970 or not known.

CREATE SOURCE readings (device_id BIGINT NOT NULL, metric TEXT NOT NULL, value DOUBLE PRECISION NOT NULL, at TIMESTAMPTZ NOT NULL)
  WITH (connector = 'log', topic = 'readings', partitions = 2, event_time = 'at') FORMAT PLAIN ENCODE JSON;

CREATE SOURCE mark_events (id BIGINT NOT NULL, moment TIMESTAMPTZ, gone BOOLEAN)
  WITH (connector = 'log', topic = 'marks') FORMAT PLAIN ENCODE JSON;

CREATE VIEW recent AS SELECT device_id, metric, value, at FROM readings WHERE at > NOW() - INTERVAL '1 hour';

CREATE MATERIALIZED VIEW smooth AS
  SELECT device_id, metric, at, value, avg(value) OVER (PARTITION BY device_id, metric ORDER BY at RANGE BETWEEN INTERVAL '5 minutes' PRECEDING AND CURRENT ROW) AS mean
  FROM recent;

CREATE MATERIALIZED VIEW steps AS
  SELECT device_id, metric, at, value - lag(value) OVER w AS change, row_number() OVER w AS n
  FROM recent WINDOW w AS (PARTITION BY device_id, metric ORDER BY at);

CREATE MATERIALIZED VIEW hops AS
  SELECT device_id, window_start, count(*) AS readings, max(value) AS greatest FROM HOP(readings, at, INTERVAL '1 minute', INTERVAL '3 minutes')
  GROUP BY device_id, window_start;

CREATE TABLE marks (id BIGINT PRIMARY KEY, moment TIMESTAMPTZ);
MERGE INTO marks m USING mark_events e ON m.id = e.id
  WHEN MATCHED AND e.gone THEN DELETE
  WHEN MATCHED THEN UPDATE SET moment = e.moment
  WHEN NOT MATCHED THEN INSERT VALUES (e.id, e.moment);
