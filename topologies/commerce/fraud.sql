-- Cards with more than 3 orders within 10 minutes: the order that was one too many, and those after it.
CREATE VIEW orders_by_card AS
  SELECT card, order_id, customer_id, created_at,
    count(*) OVER (PARTITION BY card ORDER BY created_at RANGE BETWEEN INTERVAL '10 minutes' PRECEDING AND CURRENT ROW) AS orders_in_10_minutes
  FROM orders WHERE card IS NOT NULL;

CREATE MATERIALIZED VIEW card_fraud AS
  SELECT card, created_at, order_id, customer_id, orders_in_10_minutes FROM orders_by_card WHERE orders_in_10_minutes > 3;
CREATE INDEX ON card_fraud (card, created_at DESC, order_id);
CREATE INDEX ON card_fraud (created_at DESC, order_id);
CREATE POLICY fraud_reads_cards ON card_fraud FOR SELECT USING (jwt('service') = 'fraud');
