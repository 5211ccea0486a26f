-- Each statement is wrong in one way; tabs and text that isn't ASCII (größer, 🎉, 日本) stand where they hurt.

-- sources
CREATE SOURCE s WITH (connector = 'log', topc = 'social.post') FORMAT PLAIN ENCODE PROTOBUF (message = 'a.B');
	/* ünï */	CREATE SOURCE "größe" WITH (connector = 'kafka', topic = 't') FORMAT PLAIN ENCODE JSON (message = 'a.B');
CREATE SOURCE s WITH (connector = 'logg', topic = 't') FORMAT PLAIN ENCODE JSON (message = 'a.B');
CREATE SOURCE s WITH (connector = 'pulsar', topic = 't') FORMAT PLAIN ENCODE JSON (message = 'a.B');
CREATE SOURCE s WITH (topic = 't') FORMAT PLAIN ENCODE JSON (message = 'a.B');
CREATE SOURCE s WITH (connector = 'log') FORMAT PLAIN ENCODE JSON (message = 'a.B');
CREATE SOURCE s WITH (connector = 'log', topic = ' ') FORMAT PLAIN ENCODE JSON (message = 'a.B');
CREATE SOURCE s WITH (
	connector = 'log',
	topic = '🎉🎉', topic = 'u'
) FORMAT PLAIN ENCODE JSON (message = 'a.B');
CREATE SOURCE s WITH (connector = 'log', topic = t) FORMAT PLAIN ENCODE JSON (message = 'a.B');
CREATE SOURCE s WITH (connector = 'log', topic = 't', colour = 'red') FORMAT PLAIN ENCODE JSON (message = 'a.B');
CREATE SOURCE s WITH (connector = 'log', topic = 't', partitions = 0) FORMAT PLAIN ENCODE JSON (message = 'a.B');
CREATE SOURCE s WITH (connector = 'log', topic = 't', deduplication = '7 dayz') FORMAT PLAIN ENCODE JSON (message = 'a.B');
CREATE SOURCE s WITH (connector = 'log', topic = 't', deduplication = '0 days') FORMAT PLAIN ENCODE JSON (message = 'a.B');
CREATE SOURCE s WITH (connector = 'log', topic = 't', retention = 30) FORMAT PLAIN ENCODE JSON (message = 'a.B');
CREATE SOURCE s WITH (connector = 'log', topic = 't', retention = '1 month') FORMAT PLAIN ENCODE JSON (message = 'a.B');
CREATE SOURCE s (id BIGINT) WITH (connector = 'log', topic = 't') FORMAT PLAIN ENCODE JSON (message = 'a.B');
CREATE SOURCE s FORMAT PLAIN ENCODE JSON (message = 'a.B');
CREATE SOURCE s WITH (connector = 'log', topic = 't');
CREATE SOURCE s WITH (connector = 'log', topic = 't') FORMAT DEBEZIUM ENCODE JSON (message = 'a.B');
CREATE SOURCE s WITH (connector = 'log', topic = 't') FORMAT PLAIN ENCODE AVRO (message = 'a.B');
CREATE SOURCE s WITH (connector = 'log', topic = 't') FORMAT PLAIN ENCODE PROTBUF (message = 'a.B');
CREATE SOURCE s WITH (connector = 'log', topic = 't') FORMAT PLAIN ENCODE PROTOBUF;
CREATE SOURCE s WITH (connector = 'log', topic = 't') FORMAT PLAIN ENCODE PROTOBUF (mesage = 'a.B');
CREATE SOURCE s WITH (connector = 'log' topic = 't') FORMAT PLAIN ENCODE PROTOBUF (message = 'a.B');

-- tables
CREATE TABLE t (id BIGINT, text TEXT);
CREATE TABLE t (id BIGINT PRIMARY KEY, other BIGINT PRIMARY KEY);
CREATE TABLE t (author_id BIGINT, "größe" TEXT, PRIMARY KEY (autor_id));
CREATE TABLE t (a BIGINT PRIMARY KEY, A TEXT);
CREATE TABLE t (a BIGINT, PRIMARY KEY (a, a));
CREATE TABLE t (a PRIMARY KEY);
CREATE TABLE t (a BIGINT PRIMARY KEY, b TEXT DEFAULT 'x' NOT NULL DEFAULT 'y');
CREATE TABLE t (a BIGINT PRIMARY KEY, FOREIGN KEY (a) REFERENCES u (a));
CREATE TABLE t (a BIGINT PRIMARY KEY, WATERMARK FOR a AS a - INTERVAL '5 s');
CREATE TABLE t (a BIGINT PRIMARY KEY b TEXT);
CREATE TABLE t (a BIGINT PRIMARY KEY,);
CREATE TABLE t AS SELECT 1;
CREATE TABLE t (a BIGINT PRIMARY KEY) WITH (connector = 'log');
CREATE TABLE IF NOT EXISTS t (a BIGINT PRIMARY KEY);
CREATE TABLE public.t (a BIGINT PRIMARY KEY);
CREATE TABLE "" (a BIGINT PRIMARY KEY);

-- tables that are filled from topics
CREATE TABLE t (a BIGINT PRIMARY KEY) WITH (connector = 'log', topic = 't') FORMAT PLAIN ENCODE JSON;
CREATE TABLE t (a BIGINT PRIMARY KEY) WITH (connector = 'log', topic = 't') FORMAT UPSERT ENCODE AVRO;
CREATE TABLE t (a BIGINT PRIMARY KEY) WITH (topic = 't') FORMAT UPSERT ENCODE JSON;
CREATE TABLE t (a BIGINT PRIMARY KEY) FORMAT DEBEZIUM ENCODE JSON;
CREATE TABLE t (a BIGINT PRIMARY KEY) INCLUDE OFFSET AS o;
CREATE TABLE t (a BIGINT PRIMARY KEY) WITH (connector = 'log', topic = 't') FORMAT UPSERT ENCODE JSON DEDUPLICATE BY (a);
CREATE SOURCE s (a BIGINT) INCLUDE HEADER 'trace' AS h WITH (connector = 'log', topic = 't') FORMAT PLAIN ENCODE JSON;
CREATE SOURCE s (a BIGINT) WITH (connector = 'log', topic = 't') FORMAT UPSERT ENCODE JSON;
CREATE SOURCE s (a STRUCT<b BIGINT, "c.d" TEXT>) WITH (connector = 'log', topic = 't') FORMAT PLAIN ENCODE JSON;
CREATE SOURCE s (a STRUCT<b BIGINT>>) WITH (connector = 'log', topic = 't') FORMAT PLAIN ENCODE JSON;

-- merges
MERGE INTO t USING s ON t.id = s.id;
MERGE t USING s ON t.id = s.id WHEN MATCHED THEN DELETE;
MERGE INTO t USING (SELECT 1) ON t.id = 1 WHEN MATCHED THEN DELETE;
MERGE INTO t USING s ON t.id = s.id WHEN MATCHED THEN RAISE;
MERGE INTO t USING s WHEN MATCHED THEN DELETE;
MERGE INTO t USING s ON t.id = s.id WHEN MATCHED THEN INSERT VALUES (s.id);
MERGE INTO t USING s ON t.id = s.id WHEN NOT MATCHED THEN UPDATE SET a = 1;
MERGE INTO t USING s ON t.id = s.id WHEN NOT MATCHED THEN DELETE;
MERGE INTO t USING s ON t.id = s.id
	WHEN MATCHED AND s.type = '日本' THEN DELETE
	WHEN NOT MATCHED BY SOURCE THEN DELETE;
MERGE INTO t USING s ON t.id = s.id WHEN NOT MATCHED THEN INSERT (id, text) VALUES (s.id);
MERGE INTO t USING s ON t.id = s.id WHEN NOT MATCHED THEN INSERT (id, id) VALUES (s.id, 1);
MERGE INTO t USING s ON t.id = s.id WHEN NOT MATCHED THEN INSERT VALUES (s.id), (s.id + 1);
MERGE INTO t USING s ON t.id = s.id WHEN MATCHED THEN UPDATE SET a = 1, a = 2;
MERGE INTO t USING s ON t.id = s.id WHEN MATCHED THEN UPDATE SET t.a = 1;
MERGE INTO t USING s ON t.id = s.id WHEN MATCHED THEN UPDATE SET (a, b) = (1, 2);
MERGE INTO t USING s ON t.id = s.id WHEN MATCHED THEN UPDATE SET a = 1 WHERE s.x;
MERGE INTO t USING s ON t.id = s.id WHEN MATCHED THEN UPSERT;
MERGE INTO t USING s ON t.id = s.id WHEN MATCHED OR s.x THEN DELETE;
MERGE INTO t USING s ON t.id = s.id WHEN MATCHED THEN DELETE RETURNING *;

-- views
CREATE VIEW v AS SELECT FROM t;
CREATE VIEW v AS SELECT 'größer 🎉' AS a,
	b, FROM t;
CREATE VIEW v AS SELECT a FROM t WHERE (a = 1;
CREATE VIEW v AS SELECT a FROM t WHERE a = ;
CREATE VIEW v AS SELECT a FROM t GROUP a;
CREATE VIEW AS SELECT 1;
CREATE VIEW v SELECT 1;
CREATE VIEW v (a, b, a) AS SELECT 1, 2, 3;
CREATE VIEW v AS INSERT INTO t VALUES (1);
CREATE VIEW v AS SELECT * INTO u FROM t;
CREATE VIEW v AS SELECT * FROM t FOR UPDATE;
CREATE VIEW v WITH (retention = '1 day') AS SELECT 1;
CREATE MATERIALIZED VIEW v AS SELECT 1 WITH NO DATA;
CREATE OR REPLACE VIEW v AS SELECT 1;
CREATE VIEW v AS SELECT window_start FROM t EMIT ON WINDOW CLOSE;
CREATE VIEW v AS SELECT a FROM t
CREATE VIEW w AS SELECT 1;
CREATE VIEW v AS SELECT 1
GRANT SELECT ON v TO PUBLIC;
CREATE VIEW v AS SELECT ((((((((((((((((((((((((((((((((((1))))))))))))))))))))))))))))))))));

-- indexes
CREATE INDEX i ON posts USING FULLTEXT (text) INCLUDE (author_id) WITH (tokenizer = 'english');
CREATE INDEX i ON posts USING FULLTEXT (text) WITH (tokenizr = 'en');
CREATE INDEX i ON posts USING FULLTEXT (text) WITH (stemmer = 'klingon');
CREATE INDEX i ON posts USING FULLTEXT (text) WITH (limit = 600);
CREATE INDEX i ON posts USING FULLTEXT (text) WITH (prefix = 0);
CREATE INDEX i ON posts USING FULLTEXT (text) WITH (suggest = '');
CREATE INDEX i ON posts USING FULLTEXT (text, id, text);
CREATE INDEX i ON posts USING FULLTEXT (lower(text));
CREATE INDEX i ON posts USING FULLTEXT (text DESC);
CREATE INDEX i ON posts USING FULLTEXT INCLUDE (id);
CREATE INDEX i ON posts USING FULLTEXT (text) INCLUDE ();
CREATE INDEX i ON posts USING FULLTXT (text);
CREATE INDEX ON posts USING btree (text);
CREATE UNIQUE INDEX ON posts (text);
CREATE INDEX ON posts (lower(text));
CREATE INDEX ON posts (text DSC);
CREATE INDEX ON posts (text DESC NULLS LAST);
CREATE INDEX ON posts (text, id, text DESC);
CREATE INDEX ON posts (text) INCLUDE (id);
CREATE INDEX ON posts (text) WHERE id > 1;
CREATE INDEX ON posts (text) WITH (limit = -1);
CREATE INDEX ON posts (text) WITH (limit = 'many');
CREATE INDEX ON posts (text) WITH (limt = 600);
CREATE INDEX posts (text);
CREATE INDEX ON posts;

-- who may read
CREATE POLICY p ON v FOR UPDATE USING (true);
CREATE POLICY p ON v AS RESTRICTIVE USING (true);
CREATE POLICY p ON v TO alice USING (true);
CREATE POLICY p ON v USING user_id = 1;
CREATE POLICY p ON v USING (true) WITH CHECK (true);
CREATE POLICY p ON v;
GRANT ALL ON v TO PUBLIC;
GRANT SELECT, INSERT ON v TO PUBLIC;
GRANT SELECT (a) ON v TO PUBLIC;
GRANT SELECT ON ALL TABLES IN SCHEMA public TO PUBLIC;
GRANT SELECT ON v TO alice;
GRANT SELECT ON v TO PUBLIC WITH GRANT OPTION;
REVOKE SELECT ON v FROM PUBLIC;

-- what goes
DROP VEIW v;
DROP FUNCTION f;
DROP VIEW a, b;
DROP VIEW a CASCADE;
DROP POLICY p ON v;
DROP;

-- what is no statement here
CREATE SINK s FROM v WITH (connector = 'kafka');
CREATE FUNCTION f();
CREATE;
CRAETE VIEW v AS SELECT 1;
SELECT * FROM v;
WITH a AS (SELECT 1) SELECT * FROM a;
INSERT INTO posts SELECT 1;
INSERT INTO posts (id, text) VALUES (1, 'a'), (2);
INSERT INTO posts VALUES (1) ON CONFLICT DO NOTHING;
CREATE TABLE t (a BIGINT PRIMARY KEY, at TIMESTAMPTZ) WITH (retention = '1 day');
CREATE MATERIALIZED VIEW v WITH (event_time = 'at') AS SELECT 1;
UPDATE posts SET a = 1;
DELETE FROM posts;
ALTER TABLE posts ADD COLUMN a BIGINT;
EXPLAIN SELECT 1;
BEGIN;
SELCT 1;
nonsense;
42;
CREATE VIEW v AS SELECT 'größer 🎉 and never closed
