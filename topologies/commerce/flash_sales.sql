-- Sales that begin and end by the clock. Whoever follows `flash_sales` is told of both, without an event at either time.
CREATE TABLE sales (
  sku TEXT PRIMARY KEY,
  price_cents BIGINT NOT NULL,
  starts_at TIMESTAMPTZ NOT NULL,
  ends_at TIMESTAMPTZ NOT NULL
);

MERGE INTO sales s USING product_events e ON s.sku = e.aggregate_id
  WHEN MATCHED AND e.event_type IN ('product.sale_cancelled', 'product.retired') THEN DELETE
  WHEN MATCHED AND e.event_type = 'product.sale_scheduled' THEN UPDATE SET
    price_cents = CAST(e.payload ->> 'price_cents' AS BIGINT), starts_at = CAST(e.payload ->> 'starts_at' AS TIMESTAMPTZ),
    ends_at = CAST(e.payload ->> 'ends_at' AS TIMESTAMPTZ)
  WHEN NOT MATCHED AND e.event_type = 'product.sale_scheduled' THEN INSERT VALUES
    (e.aggregate_id, CAST(e.payload ->> 'price_cents' AS BIGINT), CAST(e.payload ->> 'starts_at' AS TIMESTAMPTZ),
     CAST(e.payload ->> 'ends_at' AS TIMESTAMPTZ));

CREATE MATERIALIZED VIEW flash_sales AS
  SELECT s.sku, p.name, p.price_cents AS regular_price_cents, s.price_cents, s.starts_at, s.ends_at
  FROM sales s JOIN products p ON p.sku = s.sku WHERE s.starts_at <= NOW() AND s.ends_at > NOW();
CREATE INDEX ON flash_sales (ends_at, sku);
CREATE INDEX ON flash_sales (sku);
GRANT SELECT ON flash_sales TO PUBLIC;
