-- What lies in the warehouse, and how much of it nobody has reserved. Neither can be negative: an event that would make it so goes to the
-- dead letters with the reason and changes nothing.
CREATE VIEW stock_movements AS
  SELECT event_type, COALESCE(payload ->> 'sku', aggregate_id) AS sku, CAST(payload ->> 'qty' AS BIGINT) AS qty, occurred_at FROM inventory_events
  WHERE event_type IN ('stock.received', 'stock.reserved', 'stock.released', 'stock.shipped');

CREATE TABLE stock_counts (
  sku TEXT PRIMARY KEY,
  on_hand BIGINT NOT NULL,
  reserved BIGINT NOT NULL,
  changed_at TIMESTAMPTZ NOT NULL
);

MERGE INTO stock_counts s USING stock_movements m ON s.sku = m.sku
  WHEN MATCHED AND (m.qty IS NULL OR m.qty <= 0) THEN RAISE 'qty is not a positive number'
  WHEN NOT MATCHED AND (m.qty IS NULL OR m.qty <= 0) THEN RAISE 'qty is not a positive number'
  WHEN NOT MATCHED AND m.event_type = 'stock.received' THEN INSERT VALUES (m.sku, m.qty, 0, m.occurred_at)
  WHEN NOT MATCHED THEN RAISE 'nothing of this article was received'
  WHEN MATCHED AND m.event_type = 'stock.received' THEN UPDATE SET on_hand = s.on_hand + m.qty, changed_at = m.occurred_at
  WHEN MATCHED AND m.event_type = 'stock.reserved' AND s.on_hand - s.reserved >= m.qty THEN UPDATE SET
    reserved = s.reserved + m.qty, changed_at = m.occurred_at
  WHEN MATCHED AND m.event_type = 'stock.reserved' THEN RAISE 'only ' || CAST(s.on_hand - s.reserved AS TEXT) || ' are available'
  WHEN MATCHED AND s.reserved < m.qty THEN RAISE 'only ' || CAST(s.reserved AS TEXT) || ' are reserved'
  WHEN MATCHED AND m.event_type = 'stock.released' THEN UPDATE SET reserved = s.reserved - m.qty, changed_at = m.occurred_at
  WHEN MATCHED AND m.event_type = 'stock.shipped' THEN UPDATE SET
    on_hand = s.on_hand - m.qty, reserved = s.reserved - m.qty, changed_at = m.occurred_at;

CREATE MATERIALIZED VIEW stock AS
  SELECT sku, on_hand, reserved, on_hand - reserved AS available, changed_at FROM stock_counts;
CREATE INDEX ON stock (sku);
GRANT SELECT ON stock TO PUBLIC;

-- What has to be bought: less than the product's `reorder_below`, or than 10, is available.
CREATE MATERIALIZED VIEW low_stock AS
  SELECT s.sku, p.name, s.available, COALESCE(p.reorder_below, 10) AS reorder_below
  FROM stock s LEFT JOIN all_products p ON p.sku = s.sku
  WHERE s.available < COALESCE(p.reorder_below, 10) AND COALESCE(NOT p.retired, TRUE);
CREATE INDEX ON low_stock (available, sku);
CREATE INDEX ON low_stock (sku);
CREATE POLICY warehouse_reads_low_stock ON low_stock FOR SELECT USING (jwt('service') = 'warehouse');
CREATE SINK stock_alerts FROM low_stock WITH (connector = 'log', topic = 'commerce.low_stock') FORMAT CHANGELOG ENCODE JSON;
