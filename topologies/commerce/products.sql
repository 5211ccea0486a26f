-- What is sold, and at what price. A product that is retired stays for the orders that name it, and is shown to nobody.
CREATE TABLE all_products (
  sku TEXT PRIMARY KEY,
  name TEXT,
  price_cents BIGINT,
  currency TEXT,
  reorder_below BIGINT,
  retired BOOLEAN NOT NULL,
  changed_at TIMESTAMPTZ NOT NULL
);

MERGE INTO all_products p USING product_events e ON p.sku = e.aggregate_id
  WHEN NOT MATCHED AND e.event_type = 'product.created' THEN INSERT VALUES
    (e.aggregate_id, e.payload ->> 'name', CAST(e.payload ->> 'price_cents' AS BIGINT), e.payload ->> 'currency',
     CAST(e.payload ->> 'reorder_below' AS BIGINT), FALSE, e.occurred_at)
  WHEN MATCHED AND e.event_type = 'product.updated' THEN UPDATE SET
    name = COALESCE(e.payload ->> 'name', p.name), price_cents = COALESCE(CAST(e.payload ->> 'price_cents' AS BIGINT), p.price_cents),
    currency = COALESCE(e.payload ->> 'currency', p.currency),
    reorder_below = COALESCE(CAST(e.payload ->> 'reorder_below' AS BIGINT), p.reorder_below), changed_at = e.occurred_at
  WHEN MATCHED AND e.event_type = 'product.retired' THEN UPDATE SET retired = TRUE, changed_at = e.occurred_at
  WHEN NOT MATCHED AND e.event_type IN ('product.updated', 'product.retired') THEN RAISE 'there is no such product';

CREATE MATERIALIZED VIEW products AS
  SELECT sku, name, price_cents, currency, changed_at FROM all_products WHERE NOT retired;
CREATE INDEX ON products (sku);
GRANT SELECT ON products TO PUBLIC;
CREATE INDEX product_search ON products USING FULLTEXT (name) INCLUDE (sku, price_cents);

-- Pages of products that a cache must drop.
CREATE SINK stale_products FROM products WITH (connector = 'log', type = 'invalidate', topic = 'commerce.stale_product', key = 'product:{sku}');
