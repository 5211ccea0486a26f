-- Devices: the latest value of each metric, and values far from those of the 5 minutes before.
CREATE TABLE device_metrics (
  device_id TEXT,
  metric TEXT,
  value DOUBLE PRECISION,
  measured_at TIMESTAMPTZ NOT NULL,
  PRIMARY KEY (device_id, metric)
);

CREATE VIEW readings AS
  SELECT event_id, COALESCE(payload ->> 'device_id', aggregate_id) AS device_id, payload ->> 'metric' AS metric,
    CAST(payload ->> 'value' AS DOUBLE PRECISION) AS value, occurred_at AS measured_at
  FROM telemetry_events WHERE event_type = 'device.reading';

-- A reading that is late does not replace a later one.
MERGE INTO device_metrics d USING readings r ON d.device_id = r.device_id AND d.metric = r.metric
  WHEN MATCHED AND r.measured_at >= d.measured_at THEN UPDATE SET value = r.value, measured_at = r.measured_at
  WHEN NOT MATCHED AND r.metric IS NOT NULL THEN INSERT VALUES (r.device_id, r.metric, r.value, r.measured_at);

CREATE MATERIALIZED VIEW device_status AS SELECT device_id, metric, value, measured_at FROM device_metrics;
CREATE INDEX ON device_status (device_id, metric);
CREATE POLICY devices_reads_status ON device_status FOR SELECT USING (jwt('service') = 'devices');

-- An hour of readings is kept. Those of its first 5 minutes are there for the ones after them, and are not judged.
CREATE VIEW recent_readings AS
  SELECT event_id, device_id, metric, value, measured_at FROM readings WHERE measured_at > NOW() - INTERVAL '60 minutes';

CREATE VIEW judged_readings AS
  SELECT event_id, device_id, metric, value, measured_at,
    avg(value) OVER (PARTITION BY device_id, metric ORDER BY measured_at
      RANGE BETWEEN INTERVAL '5 minutes' PRECEDING AND INTERVAL '1 microsecond' PRECEDING) AS mean,
    stddev_samp(value) OVER (PARTITION BY device_id, metric ORDER BY measured_at
      RANGE BETWEEN INTERVAL '5 minutes' PRECEDING AND INTERVAL '1 microsecond' PRECEDING) AS deviation
  FROM recent_readings;

-- Beyond 4 standard deviations of what the device measured in the 5 minutes before. With fewer than two values there is no deviation.
CREATE MATERIALIZED VIEW device_anomalies AS
  SELECT device_id, metric, measured_at, event_id, value, mean, deviation FROM judged_readings
  WHERE abs(value - mean) > 4 * deviation AND measured_at > NOW() - INTERVAL '55 minutes';
CREATE INDEX ON device_anomalies (device_id, measured_at DESC, metric, event_id);
CREATE INDEX ON device_anomalies (measured_at DESC, event_id);
CREATE POLICY devices_reads_anomalies ON device_anomalies FOR SELECT USING (jwt('service') = 'devices');
