-- What is bought most, of orders that are paid.
CREATE VIEW sold AS
  SELECT sku, CAST(sum(qty) AS BIGINT) AS units, CAST(sum(qty * unit_price_cents) AS BIGINT) AS revenue_cents
  FROM order_lines WHERE state IN ('PAID', 'FULFILLED') AND sku IS NOT NULL GROUP BY sku;

CREATE MATERIALIZED VIEW best_sellers AS
  SELECT rank, sku, units, revenue_cents FROM (
    SELECT sku, units, revenue_cents, ROW_NUMBER() OVER (ORDER BY units DESC, sku) AS rank FROM sold
  ) WHERE rank <= 100;
CREATE INDEX ON best_sellers (rank);
GRANT SELECT ON best_sellers TO PUBLIC;
