-- Orders whose lines are JSON, a table that keeps JSON, and what is derived from both.

CREATE SOURCE order_events (id BIGINT NOT NULL, kind TEXT NOT NULL, content JSONB, parts JSONB[])
  WITH (connector = 'log', topic = 'orders') FORMAT PLAIN ENCODE JSON;

CREATE TABLE orders (id BIGINT PRIMARY KEY, content JSONB NOT NULL, notes JSONB);
MERGE INTO orders o USING order_events e ON o.id = e.id
  WHEN MATCHED AND e.kind = 'cancelled' THEN DELETE
  WHEN MATCHED AND e.kind = 'noted' THEN UPDATE SET notes = coalesce(o.notes, '[]') || e.content
  WHEN MATCHED AND e.kind = 'changed' THEN UPDATE SET content = o.content || e.content
  WHEN NOT MATCHED AND e.kind = 'placed' THEN INSERT (id, content) VALUES (e.id, e.content);

CREATE MATERIALIZED VIEW order_lines AS
  SELECT o.id, l.n, l.line ->> 'sku' AS sku, (l.line ->> 'qty')::INT AS qty, l.line -> 'tags' AS tags
  FROM orders o, jsonb_array_elements(o.content -> 'lines') WITH ORDINALITY AS l(line, n);

CREATE MATERIALIZED VIEW sold AS
  SELECT line ->> 'sku' AS sku, sum((line ->> 'qty')::INT) AS sold
  FROM orders o CROSS JOIN LATERAL jsonb_array_elements(o.content -> 'lines') AS line GROUP BY line ->> 'sku';

-- Every order, also one without lines.
CREATE MATERIALIZED VIEW first_tags AS
  SELECT o.id, t.tag FROM orders o LEFT JOIN LATERAL jsonb_array_elements_text(o.content #> '{lines,0,tags}') AS t(tag) ON TRUE;

CREATE MATERIALIZED VIEW members AS
  SELECT m.key, count(*) AS orders, count(*) FILTER (WHERE m.value = '"x"') AS x FROM orders o, jsonb_each(o.content) AS m GROUP BY m.key;

CREATE MATERIALIZED VIEW contents AS SELECT content, count(*) AS orders FROM orders GROUP BY content;

CREATE MATERIALIZED VIEW kept AS SELECT id, content, notes, jsonb_build_object('id', id, 'lines', jsonb_array_length(content -> 'lines')) AS told FROM orders;

CREATE MATERIALIZED VIEW parts_of AS SELECT id, count(part) AS parts, count(*) AS all_parts FROM order_events e, unnest(e.parts) AS part GROUP BY id;
