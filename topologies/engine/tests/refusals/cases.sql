-- # Joins

-- a cross join
CREATE MATERIALIZED VIEW v AS SELECT a.post_id FROM posts a, posts b;

-- a join on an inequality alone
CREATE MATERIALIZED VIEW v AS SELECT a.post_id FROM posts a JOIN posts b ON a.post_id < b.post_id;

-- an outer join without a condition
CREATE MATERIALIZED VIEW v AS SELECT a.post_id FROM posts a LEFT JOIN likes b ON TRUE;

-- USING a column that one side has
CREATE MATERIALIZED VIEW v AS SELECT author_id FROM posts JOIN likes USING (author_id);

-- USING a column that a side has twice
CREATE MATERIALIZED VIEW v AS SELECT text FROM posts p JOIN likes l ON l.post_id = p.post_id JOIN like_counts c USING (post_id);

-- NATURAL without a common column
CREATE MATERIALIZED VIEW v AS SELECT text FROM posts p NATURAL JOIN (SELECT user_id FROM likes) l;

-- a sub-query related below a LIMIT
CREATE MATERIALIZED VIEW v AS SELECT post_id FROM posts p WHERE author_id IN
  (SELECT l.user_id FROM likes l WHERE l.post_id = p.post_id ORDER BY l.user_id LIMIT 3);

-- a sub-query related below an aggregate in FROM
CREATE MATERIALIZED VIEW v AS SELECT post_id FROM posts p WHERE EXISTS
  (SELECT 1 FROM (SELECT count(*) AS n FROM likes l WHERE l.post_id = p.post_id) t JOIN like_counts c ON c.likes = t.n);

-- a sub-query related on the optional side of a join
CREATE MATERIALIZED VIEW v AS SELECT post_id FROM posts p WHERE EXISTS
  (SELECT 1 FROM like_counts c LEFT JOIN (SELECT l.post_id FROM likes l WHERE l.user_id = p.author_id) t ON t.post_id = c.post_id);

-- a sub-query related to a query further out
CREATE MATERIALIZED VIEW v AS SELECT post_id FROM posts p WHERE EXISTS
  (SELECT 1 FROM likes l WHERE l.post_id = p.post_id AND EXISTS (SELECT 1 FROM posts q WHERE q.post_id = l.post_id AND q.author_id = p.author_id));

-- lists side by side without names
CREATE MATERIALIZED VIEW v AS SELECT post_id FROM posts p CROSS JOIN LATERAL unnest(p.hashtags, string_to_array(p.text, ' ')) AS t;

-- more names than columns
CREATE MATERIALIZED VIEW v AS SELECT tag, n FROM posts p CROSS JOIN LATERAL unnest(p.hashtags) AS t(tag, n);

-- members as one column
CREATE MATERIALIZED VIEW v AS SELECT post_id, jsonb_each(CAST(text AS JSONB)) AS member FROM posts;

-- a scalar sub-query related by an inequality
CREATE MATERIALIZED VIEW v AS SELECT p.post_id, (SELECT count(*) FROM posts q WHERE q.post_id < p.post_id) AS earlier FROM posts p;

-- a scalar sub-query related by an expression
CREATE MATERIALIZED VIEW v AS SELECT p.post_id, (SELECT count(*) FROM posts q WHERE q.reply_to + 1 = p.post_id) AS n FROM posts p;

-- a scalar sub-query that may have several rows
CREATE MATERIALIZED VIEW v AS SELECT post_id, (SELECT user_id FROM likes l WHERE l.post_id = p.post_id) AS user_id FROM posts p;

-- # State without bound

-- a view that is a raw source
CREATE MATERIALIZED VIEW v AS SELECT event_id, aggregate_id FROM post_events;

-- a join of a source
CREATE MATERIALIZED VIEW v AS SELECT p.post_id FROM posts p JOIN post_events e ON e.aggregate_id = p.post_id;

-- a sub-query of a source
CREATE MATERIALIZED VIEW v AS SELECT post_id FROM posts p WHERE EXISTS (SELECT 1 FROM post_events e WHERE e.aggregate_id = p.post_id);

-- DISTINCT over a source
CREATE MATERIALIZED VIEW v AS SELECT DISTINCT actor_id FROM post_events;

-- UNION over a source
CREATE MATERIALIZED VIEW v AS SELECT actor_id FROM post_events UNION SELECT actor_id FROM user_events;

-- distinct values of a source
CREATE MATERIALIZED VIEW v AS SELECT event_type, count(DISTINCT actor_id) AS actors FROM post_events GROUP BY event_type;

-- texts of a source
CREATE MATERIALIZED VIEW v AS SELECT actor_id, string_agg(e.created.text, ' ' ORDER BY e.occurred_at) AS texts FROM post_events e GROUP BY actor_id;

-- sessions of a source
CREATE MATERIALIZED VIEW v AS SELECT actor_id, count(*) AS n FROM SESSION(post_events, occurred_at, INTERVAL '5 minutes', actor_id) GROUP BY actor_id;

-- # Order

-- LIMIT without ORDER BY
CREATE MATERIALIZED VIEW v AS SELECT post_id FROM posts LIMIT 10;

-- OFFSET without LIMIT
CREATE MATERIALIZED VIEW v AS SELECT post_id FROM posts ORDER BY post_id OFFSET 10;

-- NULLs at the other end
CREATE MATERIALIZED VIEW v AS SELECT post_id FROM posts ORDER BY reply_to NULLS FIRST LIMIT 10;

-- NULLs at the other end of an aggregate
CREATE MATERIALIZED VIEW v AS SELECT author_id, string_agg(text, ',' ORDER BY reply_to DESC NULLS LAST) AS texts FROM posts GROUP BY author_id;

-- a window function without OVER
CREATE MATERIALIZED VIEW v AS SELECT post_id, rank() AS place FROM posts;

-- a window function that there is not
CREATE MATERIALIZED VIEW v AS SELECT post_id, ranking() OVER (ORDER BY created_at) AS place FROM posts;

-- a window without a name
CREATE MATERIALIZED VIEW v AS SELECT post_id, rank() OVER w AS place FROM posts;

-- a window that is made of one with a frame
CREATE MATERIALIZED VIEW v AS SELECT post_id, sum(post_id) OVER (w ROWS 2 PRECEDING) AS near FROM posts
  WINDOW w AS (ORDER BY post_id ROWS 1 PRECEDING);

-- a window that is given another order
CREATE MATERIALIZED VIEW v AS SELECT post_id, sum(post_id) OVER (w ORDER BY text) AS near FROM posts WINDOW w AS (ORDER BY post_id);

-- rows that are left out of a frame
CREATE MATERIALIZED VIEW v AS SELECT post_id, sum(post_id) OVER (ORDER BY post_id ROWS 2 PRECEDING EXCLUDE CURRENT ROW) AS others FROM posts;

-- a distance between texts
CREATE MATERIALIZED VIEW v AS SELECT post_id, count(*) OVER (ORDER BY text RANGE 1 PRECEDING) AS near FROM posts;

-- a number between times
CREATE MATERIALIZED VIEW v AS SELECT post_id, count(*) OVER (ORDER BY created_at RANGE 5 PRECEDING) AS near FROM posts;

-- an interval between numbers
CREATE MATERIALIZED VIEW v AS SELECT post_id, count(*) OVER (ORDER BY post_id RANGE INTERVAL '5 minutes' PRECEDING) AS near FROM posts;

-- months between times
CREATE MATERIALIZED VIEW v AS SELECT post_id, count(*) OVER (ORDER BY created_at RANGE INTERVAL '1 month' PRECEDING) AS near FROM posts;

-- a distance to before and behind
CREATE MATERIALIZED VIEW v AS SELECT post_id, count(*) OVER (ORDER BY created_at RANGE INTERVAL '-5 minutes' PRECEDING) AS near FROM posts;

-- a distance that is finer than the order
CREATE MATERIALIZED VIEW v AS SELECT post_id, count(*) OVER (ORDER BY post_id RANGE 0.5 PRECEDING) AS near FROM posts;

-- a distance in two directions of order
CREATE MATERIALIZED VIEW v AS SELECT post_id, count(*) OVER (ORDER BY post_id, text RANGE 5 PRECEDING) AS near FROM posts;

-- groups without an order
CREATE MATERIALIZED VIEW v AS SELECT post_id, count(*) OVER (GROUPS 1 PRECEDING) AS near FROM posts;

-- an offset that is no constant
CREATE MATERIALIZED VIEW v AS SELECT post_id, lag(text, author_id) OVER (ORDER BY post_id) AS before FROM posts;

-- no buckets
CREATE MATERIALIZED VIEW v AS SELECT post_id, ntile(0) OVER (ORDER BY post_id) AS bucket FROM posts;

-- a default of another type
CREATE MATERIALIZED VIEW v AS SELECT post_id, lag(created_at, 1, 5) OVER (ORDER BY post_id) AS before FROM posts;

-- NULLs that are left out
CREATE MATERIALIZED VIEW v AS SELECT post_id, last_value(reply_to) IGNORE NULLS OVER (ORDER BY post_id) AS answered FROM posts;

-- different values in a frame
CREATE MATERIALIZED VIEW v AS SELECT post_id, count(DISTINCT author_id) OVER (ORDER BY post_id) AS authors FROM posts;

-- a filter on a rank
CREATE MATERIALIZED VIEW v AS SELECT post_id, rank() FILTER (WHERE author_id > 1) OVER (ORDER BY post_id) AS place FROM posts;

-- window functions over a source
CREATE MATERIALIZED VIEW v AS SELECT aggregate_id, row_number() OVER (ORDER BY occurred_at) AS place FROM post_events;

-- DISTINCT ON without an order
CREATE MATERIALIZED VIEW v AS SELECT DISTINCT ON (author_id) author_id, post_id FROM posts;

-- DISTINCT ON with another order
CREATE MATERIALIZED VIEW v AS SELECT DISTINCT ON (author_id) author_id, post_id FROM posts ORDER BY post_id;

-- first rows beside rows that an inequality relates
CREATE MATERIALIZED VIEW v AS SELECT p.post_id, q.post_id AS later FROM posts p
  CROSS JOIN LATERAL (SELECT post_id FROM posts WHERE post_id > p.post_id ORDER BY post_id LIMIT 1) AS q;

-- # Aggregates

-- a count of two columns
CREATE MATERIALIZED VIEW v AS SELECT count(DISTINCT post_id, author_id) AS n FROM posts;

-- a decayed sum of distinct values
CREATE MATERIALIZED VIEW v AS SELECT author_id, decayed_sum(DISTINCT 1, created_at, INTERVAL '1 hour') AS score FROM posts GROUP BY author_id;

-- an aggregate of another database
CREATE MATERIALIZED VIEW v AS SELECT author_id, approx_distinct(post_id) AS posts FROM posts GROUP BY author_id;

-- a percentile without WITHIN GROUP
CREATE MATERIALIZED VIEW v AS SELECT author_id, percentile_cont(0.5) AS middle FROM posts GROUP BY author_id;

-- a percentile that takes its value as an argument
CREATE MATERIALIZED VIEW v AS SELECT author_id, percentile_disc(post_id, 0.5) AS middle FROM posts GROUP BY author_id;

-- a place between two times
CREATE MATERIALIZED VIEW v AS SELECT author_id, percentile_cont(0.5) WITHIN GROUP (ORDER BY created_at) AS middle FROM posts GROUP BY author_id;

-- a fraction beyond the whole
CREATE MATERIALIZED VIEW v AS SELECT author_id, percentile_cont(95) WITHIN GROUP (ORDER BY post_id) AS late FROM posts GROUP BY author_id;

-- a fraction that is no constant
CREATE MATERIALIZED VIEW v AS SELECT author_id, percentile_cont(author_id) WITHIN GROUP (ORDER BY post_id) AS late FROM posts GROUP BY author_id;

-- a list of fractions with a NULL
CREATE MATERIALIZED VIEW v AS SELECT author_id, percentile_disc(ARRAY[0.5, NULL]) WITHIN GROUP (ORDER BY post_id) AS late FROM posts GROUP BY author_id;

-- a percentile of different values
CREATE MATERIALIZED VIEW v AS SELECT author_id, median(DISTINCT post_id) AS middle FROM posts GROUP BY author_id;

-- a percentile of a stream
CREATE MATERIALIZED VIEW v AS SELECT actor_id, percentile_cont(0.95) WITHIN GROUP (ORDER BY schema_version) AS late FROM post_events GROUP BY actor_id;

-- a mode of its argument
CREATE MATERIALIZED VIEW v AS SELECT author_id, mode(reply_to) AS usual FROM posts GROUP BY author_id;

-- a first value in no order
CREATE MATERIALIZED VIEW v AS SELECT author_id, first_value(text) AS first FROM posts GROUP BY author_id;

-- a statistic of different pairs
CREATE MATERIALIZED VIEW v AS SELECT author_id, corr(DISTINCT post_id, reply_to) AS related FROM posts GROUP BY author_id;

-- a standard deviation of texts
CREATE MATERIALIZED VIEW v AS SELECT author_id, stddev(text) AS spread FROM posts GROUP BY author_id;

-- a slope of one number
CREATE MATERIALIZED VIEW v AS SELECT author_id, regr_slope(post_id) AS slope FROM posts GROUP BY author_id;

-- the bits of a text
CREATE MATERIALIZED VIEW v AS SELECT author_id, bit_or(text) AS bits FROM posts GROUP BY author_id;

-- different texts in the order of something else
CREATE MATERIALIZED VIEW v AS SELECT author_id, string_agg(DISTINCT text, ',' ORDER BY post_id) AS texts FROM posts GROUP BY author_id;

-- the greatest JSONB
CREATE MATERIALIZED VIEW v AS SELECT author_id, max(CAST(text AS JSONB)) AS most FROM posts GROUP BY author_id;

-- an object whose names are times
CREATE MATERIALIZED VIEW v AS SELECT author_id, jsonb_object_agg(created_at, text) AS texts FROM posts GROUP BY author_id;

-- a column outside of GROUP BY
CREATE MATERIALIZED VIEW v AS SELECT author_id, text, count(*) AS n FROM posts GROUP BY author_id;

-- an aggregate in WHERE
CREATE MATERIALIZED VIEW v AS SELECT author_id FROM posts WHERE count(*) > 1 GROUP BY author_id;

-- too many grouping sets
CREATE MATERIALIZED VIEW v AS SELECT count(*) AS n FROM posts GROUP BY CUBE (post_id, author_id, text, reply_to, created_at, hashtags, post_id + 1);

-- GROUPING of no key
CREATE MATERIALIZED VIEW v AS SELECT author_id, GROUPING(reply_to) AS n FROM posts GROUP BY ROLLUP (author_id);

-- two aggregates that differ by a cast
CREATE MATERIALIZED VIEW v AS SELECT max(post_id) AS a, max(CAST(post_id AS TEXT)) AS b FROM posts;

-- a separator that is no constant
CREATE MATERIALIZED VIEW v AS SELECT author_id, string_agg(text, text) AS texts FROM posts GROUP BY author_id;

-- a half-life of no fixed length
CREATE MATERIALIZED VIEW v AS SELECT post_id, decayed_sum(1, liked_at, INTERVAL '1 month') AS score FROM likes GROUP BY post_id;

-- # Time

-- hopping windows without a size
CREATE MATERIALIZED VIEW v AS SELECT window_start, count(*) AS n FROM HOP(posts, created_at, INTERVAL '1 minute') GROUP BY window_start;

-- hopping windows that overlap too often
CREATE MATERIALIZED VIEW v AS SELECT window_start, count(*) AS n FROM HOP(posts, created_at, INTERVAL '1 second', INTERVAL '1 hour') GROUP BY window_start;

-- windows that stand still
CREATE MATERIALIZED VIEW v AS SELECT window_start, count(*) AS n FROM HOP(posts, created_at, INTERVAL '0 seconds', INTERVAL '1 hour') GROUP BY window_start;

-- windows of months
CREATE MATERIALIZED VIEW v AS SELECT window_start, count(*) AS n FROM HOP(posts, created_at, INTERVAL '1 day', INTERVAL '1 month') GROUP BY window_start;

-- windows from an offset that is no constant
CREATE MATERIALIZED VIEW v AS SELECT window_start, count(*) AS n FROM TUMBLE(posts, created_at, INTERVAL '1 day', created_at - created_at) GROUP BY window_start;

-- steps that miss the end
CREATE MATERIALIZED VIEW v AS SELECT window_start, count(*) AS n FROM CUMULATE(posts, created_at, INTERVAL '7 minutes', INTERVAL '1 hour') GROUP BY window_start;

-- windows over a number
CREATE MATERIALIZED VIEW v AS SELECT window_start, count(*) AS n FROM HOP(posts, post_id, INTERVAL '1 minute', INTERVAL '1 hour') GROUP BY window_start;

-- windows of an unknown kind
CREATE MATERIALIZED VIEW v AS SELECT window_start, count(*) AS n FROM TUMBEL(posts, created_at, INTERVAL '1 hour') GROUP BY window_start;

-- windows without a time
CREATE MATERIALIZED VIEW v AS SELECT window_start, count(*) AS n FROM TUMBLE(posts, INTERVAL '1 hour') GROUP BY window_start;

-- NOW() in a column
CREATE MATERIALIZED VIEW v AS SELECT post_id, NOW() - created_at AS age FROM posts;

-- NOW() in an alternative of a stream
CREATE MATERIALIZED VIEW v AS SELECT event_id FROM post_events WHERE occurred_at > NOW() - INTERVAL '1 hour' OR actor_id = 1;

-- NOW() in too many alternatives
CREATE MATERIALIZED VIEW v AS SELECT post_id FROM posts WHERE created_at > NOW() - INTERVAL '1 hour' OR created_at > NOW() - INTERVAL '2 hours' AND author_id = 1
  OR created_at > NOW() - INTERVAL '3 hours' AND author_id = 2 OR created_at > NOW() - INTERVAL '4 hours' AND author_id = 3;

-- NOW() in an equality of an alternative
CREATE MATERIALIZED VIEW v AS SELECT post_id FROM posts WHERE created_at = NOW() OR author_id = 1;

-- NOW() in an equality
CREATE MATERIALIZED VIEW v AS SELECT post_id FROM posts WHERE created_at = NOW();

-- NOW() minus a month
CREATE MATERIALIZED VIEW v AS SELECT post_id FROM posts WHERE created_at > NOW() - INTERVAL '1 month';

-- today
CREATE MATERIALIZED VIEW v AS SELECT post_id FROM posts WHERE created_at > current_date;

-- # Answers that differ each time

-- a random number
CREATE MATERIALIZED VIEW v AS SELECT post_id, random() AS dice FROM posts;

-- a random order
CREATE MATERIALIZED VIEW v AS SELECT post_id FROM posts ORDER BY random() LIMIT 10;

-- a random identifier
CREATE MATERIALIZED VIEW v AS SELECT uuid() AS id, count(*) AS n FROM posts;

-- a random identifier in a table
CREATE TABLE t (id BIGINT PRIMARY KEY, token TEXT);
MERGE INTO t USING post_events e ON t.id = e.aggregate_id WHEN NOT MATCHED THEN INSERT VALUES (e.aggregate_id, uuid());

-- the wall clock in a table
CREATE TABLE t (id BIGINT PRIMARY KEY, at TIMESTAMPTZ);
MERGE INTO t USING post_events e ON t.id = e.aggregate_id WHEN NOT MATCHED THEN INSERT VALUES (e.aggregate_id, NOW());

-- # Names

-- an unknown relation
CREATE MATERIALIZED VIEW v AS SELECT post_id FROM post;

-- an unknown column
CREATE MATERIALIZED VIEW v AS SELECT p.autor_id FROM posts p;

-- an unknown field of an event
CREATE MATERIALIZED VIEW v AS SELECT actor_id, count(e.created.txt) AS n FROM post_events e GROUP BY actor_id;

-- an unknown function
CREATE MATERIALIZED VIEW v AS SELECT lenght(text) AS n FROM posts;

-- an ambiguous column
CREATE MATERIALIZED VIEW v AS SELECT post_id FROM posts p JOIN likes l ON l.post_id = p.post_id;

-- two columns of one name
CREATE MATERIALIZED VIEW v AS SELECT post_id, author_id AS post_id FROM posts;

-- more names than columns
CREATE MATERIALIZED VIEW v (a, b, c) AS SELECT post_id, author_id FROM posts;

-- a name that is taken
CREATE TABLE like_counts (post_id BIGINT PRIMARY KEY);

-- views that need one another
CREATE VIEW a AS SELECT post_id FROM b;
CREATE VIEW b AS SELECT post_id FROM a;

-- # Types

-- a condition that is none
CREATE MATERIALIZED VIEW v AS SELECT post_id FROM posts WHERE text;

-- a comparison of things that differ
CREATE MATERIALIZED VIEW v AS SELECT post_id FROM posts WHERE created_at > hashtags;

-- a column that rows can't hold
CREATE MATERIALIZED VIEW v AS SELECT named_struct('a', post_id) AS s FROM posts;

-- UNNEST of no list
CREATE MATERIALIZED VIEW v AS SELECT post_id, unnest(text) AS letter FROM posts;

-- two lists in one UNNEST of SELECT
CREATE MATERIALIZED VIEW v AS SELECT unnest(hashtags, string_to_array(text, ' ')) AS a FROM posts;

-- JSONB compared with a text
CREATE MATERIALIZED VIEW v AS SELECT post_id FROM posts WHERE jsonb_build_array(post_id) = text;

-- JSONB compared with a constant that is no JSON
CREATE MATERIALIZED VIEW v AS SELECT post_id FROM posts WHERE jsonb_build_array(post_id) = '[1';

-- JSONB compared with a number
CREATE MATERIALIZED VIEW v AS SELECT post_id FROM posts WHERE (CAST(text AS JSONB) -> 'n') > 3;

-- an order of JSONB
CREATE MATERIALIZED VIEW v AS SELECT post_id FROM posts ORDER BY CAST(text AS JSONB) -> 'n' LIMIT 3;

-- a function of texts over JSONB
CREATE MATERIALIZED VIEW v AS SELECT post_id, upper(CAST(text AS JSONB) -> 'n') AS n FROM posts;

-- a pattern over JSONB
CREATE MATERIALIZED VIEW v AS SELECT post_id FROM posts WHERE CAST(text AS JSONB) -> 'n' LIKE 'a%';

-- a sum of JSONB and a number
CREATE MATERIALIZED VIEW v AS SELECT post_id, (CAST(text AS JSONB) -> 'n') + 1 AS n FROM posts;

-- a list function that orders JSONB
CREATE MATERIALIZED VIEW v AS SELECT post_id, array_sort(ARRAY[CAST(text AS JSONB)]) AS sorted FROM posts;

-- a member of a text
CREATE MATERIALIZED VIEW v AS SELECT post_id, text -> 'n' AS n FROM posts;

-- a path that is no list
CREATE MATERIALIZED VIEW v AS SELECT post_id, CAST(text AS JSONB) #> 'a' AS a FROM posts;

-- a number as JSONB
CREATE MATERIALIZED VIEW v AS SELECT post_id, CAST(post_id AS JSONB) AS j FROM posts;

-- JSONB as a time
CREATE MATERIALIZED VIEW v AS SELECT post_id, CAST(CAST(text AS JSONB) -> 'at' AS TIMESTAMPTZ) AS at FROM posts;

-- JSONB and TEXT in one column
CREATE MATERIALIZED VIEW v AS SELECT to_jsonb(text) AS j FROM posts UNION ALL SELECT text FROM posts;

-- an index of JSONB
CREATE MATERIALIZED VIEW v AS SELECT post_id, to_jsonb(hashtags) AS j FROM posts;
CREATE INDEX by_j ON v (j);

-- the type JSON
CREATE MATERIALIZED VIEW v AS SELECT post_id, CAST(text AS JSON) AS j FROM posts;

-- a function of the type JSON
CREATE MATERIALIZED VIEW v AS SELECT post_id, json_array_length(text) AS n FROM posts;

-- a path of SQL/JSON
CREATE MATERIALIZED VIEW v AS SELECT post_id, jsonb_path_exists(to_jsonb(text), '$.a') AS n FROM posts;

-- a UNION of unequal width
CREATE MATERIALIZED VIEW v AS SELECT post_id FROM posts UNION ALL SELECT post_id, user_id FROM likes;

-- a view without columns
CREATE MATERIALIZED VIEW v AS SELECT FROM posts;

-- a recursive query
CREATE MATERIALIZED VIEW v AS
  WITH RECURSIVE thread AS (
    SELECT post_id, reply_to FROM posts UNION ALL SELECT p.post_id, t.reply_to FROM posts p JOIN thread t ON p.reply_to = t.post_id)
  SELECT post_id FROM thread;

-- a constant time that the calendar does not reach
CREATE MATERIALIZED VIEW v AS SELECT post_id, TIMESTAMP '2024-01-01 00:00:00' - INTERVAL '8000 years' AS moment FROM posts;

-- a time of VALUES that the calendar does not reach
CREATE MATERIALIZED VIEW v AS SELECT moment FROM (VALUES (TIMESTAMP '2024-01-01 00:00:00' - INTERVAL '8000 years')) AS t (moment);

-- a sum and an average to choose from
CREATE VIEW v AS SELECT author_id, coalesce(sum(post_id), avg(reply_to)) AS c FROM posts GROUP BY author_id;

-- the greater of a sum and an average
CREATE VIEW v AS SELECT author_id, greatest(sum(post_id), avg(reply_to)) AS c FROM posts GROUP BY author_id;

-- a sum that is compared with an average
CREATE VIEW v AS SELECT author_id, sum(post_id) IS DISTINCT FROM avg(reply_to) AS c FROM posts GROUP BY author_id;

-- # Functions and numbers

-- a JSON aggregate that leaves NULLs out
CREATE MATERIALIZED VIEW v AS SELECT author_id, json_agg_strict(text) AS texts FROM posts GROUP BY author_id;

-- a function of another database
CREATE MATERIALIZED VIEW v AS SELECT ifnull(reply_to, 0) AS reply_to FROM posts;

-- a function that is like no other
CREATE MATERIALIZED VIEW v AS SELECT frobnicate(text) AS text FROM posts;

-- digits of a floating-point number
CREATE MATERIALIZED VIEW v AS SELECT round(sqrt(post_id), 2) AS root FROM posts;

-- a rest of a floating-point number
CREATE MATERIALIZED VIEW v AS SELECT sqrt(post_id) % 2 AS rest FROM posts;

-- a text that is calculated with
CREATE MATERIALIZED VIEW v AS SELECT post_id + text AS n FROM posts;

-- a text beside a number
CREATE MATERIALIZED VIEW v AS SELECT post_id FROM posts WHERE post_id = text;

-- too many digits
CREATE TABLE t (id BIGINT PRIMARY KEY, price NUMERIC(50, 2));

-- a cast to too many digits
CREATE MATERIALIZED VIEW v AS SELECT CAST(post_id AS NUMERIC(50, 2)) AS price FROM posts;

-- a small floating-point number
CREATE MATERIALIZED VIEW v AS SELECT CAST(post_id AS REAL) AS price FROM posts;

-- a list in a text
CREATE MATERIALIZED VIEW v AS SELECT CAST(text AS TEXT[]) AS words FROM posts;

-- a slice of a list
CREATE MATERIALIZED VIEW v AS SELECT hashtags[1:2] AS two FROM posts;

-- # Tables

-- a merge from a table, which a view reads
CREATE VIEW texts AS SELECT post_id, text FROM posts;
CREATE TABLE t (id BIGINT PRIMARY KEY, text TEXT);
MERGE INTO t USING texts x ON t.id = x.post_id WHEN NOT MATCHED THEN INSERT VALUES (x.post_id, x.text);

-- a merge from an aggregate
CREATE TABLE t (id BIGINT PRIMARY KEY, n BIGINT);
MERGE INTO t USING (SELECT actor_id, count(*) AS n FROM post_events GROUP BY actor_id) x ON t.id = x.actor_id
  WHEN NOT MATCHED THEN INSERT VALUES (x.actor_id, x.n);

-- a merge from a join
CREATE TABLE t (id BIGINT PRIMARY KEY, n BIGINT);
MERGE INTO t USING (SELECT e.actor_id, p.post_id FROM post_events e JOIN posts p ON p.author_id = e.actor_id WHERE e.occurred_at > NOW() - INTERVAL '1 day') x
  ON t.id = x.actor_id WHEN NOT MATCHED THEN INSERT VALUES (x.actor_id, x.post_id);

-- a merge from rows that go away as time passes
CREATE TABLE t (id BIGINT PRIMARY KEY, n BIGINT);
MERGE INTO t USING (SELECT actor_id FROM post_events WHERE occurred_at > NOW() - INTERVAL '1 day') x ON t.id = x.actor_id
  WHEN NOT MATCHED THEN INSERT VALUES (x.actor_id, 1);

-- a merge from rows of no event
CREATE TABLE t (id BIGINT PRIMARY KEY, n BIGINT);
MERGE INTO t USING (SELECT * FROM (VALUES (1, 2)) AS given(a, b)) x ON t.id = x.a WHEN NOT MATCHED THEN INSERT VALUES (x.a, x.b);

-- a merge from SESSION
CREATE TABLE t (id BIGINT PRIMARY KEY, n BIGINT);
MERGE INTO t USING (SELECT * FROM SESSION(post_events, occurred_at, INTERVAL '1 minute', actor_id)) x ON t.id = x.actor_id
  WHEN NOT MATCHED THEN INSERT VALUES (x.actor_id, 1);

-- a reason that is no text
CREATE TABLE t (id BIGINT PRIMARY KEY);
MERGE INTO t USING post_events e ON t.id = e.aggregate_id WHEN MATCHED THEN RAISE e.actor_id;

-- a reason that reads the row that is not there
CREATE TABLE t (id BIGINT PRIMARY KEY, state TEXT);
MERGE INTO t USING post_events e ON t.id = e.aggregate_id WHEN NOT MATCHED THEN RAISE 'it is ' || t.state;

-- a default that is no constant
CREATE TABLE t (id BIGINT PRIMARY KEY, at TIMESTAMPTZ DEFAULT NOW());

-- a default of another column
CREATE TABLE t (id BIGINT PRIMARY KEY, twice BIGINT DEFAULT id * 2);

-- a default that can't be computed
CREATE TABLE t (id BIGINT PRIMARY KEY, n BIGINT DEFAULT 1 / 0);

-- rows for a view
INSERT INTO recent_posts VALUES (1, 2);

-- a row that is there twice
INSERT INTO likes VALUES (1, 2, TIMESTAMPTZ '2024-01-01T00:00:00Z');
INSERT INTO likes (user_id, post_id, liked_at) VALUES (3, 4, TIMESTAMPTZ '2024-01-01T00:00:00Z'), (2, 1, TIMESTAMPTZ '2024-01-01T00:00:00Z');

-- a row without a value that it needs
INSERT INTO likes (post_id, user_id) VALUES (1, 2);

-- a row with a value too many
INSERT INTO likes VALUES (1, 2, TIMESTAMPTZ '2024-01-01T00:00:00Z', 4);

-- a row with a column that is not there
INSERT INTO likes (post_id, user, liked_at) VALUES (1, 2, TIMESTAMPTZ '2024-01-01T00:00:00Z');

-- a value of another type
INSERT INTO likes VALUES ('one', 2, TIMESTAMPTZ '2024-01-01T00:00:00Z');

-- a retention by a column that is not there
CREATE TABLE t (id BIGINT PRIMARY KEY, at TIMESTAMPTZ NOT NULL) WITH (retention = '1 day', event_time = 'ad');

-- a retention by a column that is no instant
CREATE TABLE t (id BIGINT PRIMARY KEY, at TIMESTAMP NOT NULL) WITH (retention = '1 day', event_time = 'at');

-- a retention by a column that may be NULL
CREATE TABLE t (id BIGINT PRIMARY KEY, at TIMESTAMPTZ) WITH (retention = '1 day', event_time = 'at');

-- a retention of a view by a column that is not there
CREATE MATERIALIZED VIEW v WITH (retention = '1 day', event_time = 'created') AS SELECT post_id, created_at FROM posts;

-- a MERGE into a view
MERGE INTO like_counts c USING post_events e ON c.post_id = e.aggregate_id WHEN MATCHED THEN DELETE;

-- a MERGE from a table
MERGE INTO likes l USING posts p ON l.post_id = p.post_id AND l.user_id = p.author_id WHEN MATCHED THEN DELETE;

-- a change of the key
MERGE INTO likes l USING post_events e ON l.post_id = e.aggregate_id AND l.user_id = e.liked.user_id
  WHEN MATCHED AND e.event_type = 'post.liked' THEN UPDATE SET user_id = e.actor_id;

-- a part of the key is missing
MERGE INTO likes l USING post_events e ON l.post_id = e.aggregate_id WHEN MATCHED THEN DELETE;

-- a key that is compared otherwise
MERGE INTO likes l USING post_events e ON l.post_id = e.aggregate_id AND l.user_id >= e.liked.user_id WHEN MATCHED THEN DELETE;

-- a key that is no key
MERGE INTO likes l USING post_events e ON l.post_id = e.aggregate_id AND l.liked_at = e.occurred_at WHEN MATCHED THEN DELETE;

-- too few values
MERGE INTO likes l USING post_events e ON l.post_id = e.aggregate_id AND l.user_id = e.liked.user_id
  WHEN NOT MATCHED THEN INSERT (post_id, user_id, liked_at) VALUES (e.aggregate_id, e.liked.user_id);

-- an unknown column is set
MERGE INTO likes l USING post_events e ON l.post_id = e.aggregate_id AND l.user_id = e.liked.user_id
  WHEN MATCHED THEN UPDATE SET likd_at = e.occurred_at;

-- the row is read where there is none
MERGE INTO likes l USING post_events e ON l.post_id = e.aggregate_id AND l.user_id = e.liked.user_id
  WHEN NOT MATCHED THEN INSERT VALUES (e.aggregate_id, e.liked.user_id, l.liked_at);

-- a table without a key
CREATE TABLE t (id BIGINT);

-- a key that is no column
CREATE TABLE t (id BIGINT, PRIMARY KEY (idd));

-- a type that is unknown
CREATE TABLE t (id BIGINT PRIMARY KEY, place POINT);

-- a list of intervals
CREATE TABLE t (id BIGINT PRIMARY KEY, pauses INTERVAL[]);

-- # Sources

-- an unknown message
CREATE SOURCE s WITH (connector = 'log', topic = 'social.video') FORMAT PLAIN ENCODE PROTOBUF (message = 'social.v1.VideosEvent', schema.location = 'video.proto');

-- a message of another topic
CREATE SOURCE s WITH (connector = 'log', topic = 'social.video') FORMAT PLAIN ENCODE PROTOBUF (message = 'social.v1.MediaEvent', schema.location = 'media.proto');

-- a second source of one topic
CREATE SOURCE s WITH (connector = 'log', topic = 'social.post') FORMAT PLAIN ENCODE PROTOBUF (message = 'social.v1.PostEvent', schema.location = 'post.proto');

-- an unknown option
CREATE SOURCE s WITH (connector = 'log', topic = 'social.video', retension = '7 days') FORMAT PLAIN ENCODE PROTOBUF (message = 'social.v1.VideoEvent', schema.location = 'video.proto');

-- # Serving

-- an index of an unknown column
CREATE INDEX ON like_counts (likes DESC, posts_id);

-- an index of a view that is not kept
CREATE INDEX ON recent_posts (post_id);

-- an index of a source
CREATE INDEX ON post_events (event_id);

-- an index that exists
CREATE INDEX top ON like_counts (likes DESC);
CREATE INDEX top ON like_counts (post_id);

-- a search of numbers
CREATE INDEX search ON posts USING FULLTEXT (author_id);

-- a search of a list
CREATE INDEX search ON posts USING FULLTEXT (hashtags);

-- a search of an unknown column
CREATE INDEX search ON posts USING FULLTEXT (txt);

-- a search that includes an unknown column
CREATE INDEX search ON posts USING FULLTEXT (text) INCLUDE (autor_id);

-- a search of a view that is not kept
CREATE INDEX search ON recent_posts USING FULLTEXT (post_id);

-- suggestions of a column that is not in the index
CREATE MATERIALIZED VIEW texts AS SELECT post_id, text, text AS other FROM posts;
CREATE INDEX search ON texts USING FULLTEXT (text) WITH (suggest = 'other');

-- a popularity without suggested values
CREATE INDEX search ON posts USING FULLTEXT (text) INCLUDE (author_id) WITH (popularity = 'author_id');

-- a popularity that is no number
CREATE INDEX search ON posts USING FULLTEXT (text) INCLUDE (created_at) WITH (suggest = 'text', popularity = 'created_at');

-- a popularity that is not in the index
CREATE INDEX search ON posts USING FULLTEXT (text) WITH (suggest = 'text', popularity = 'author_id');

-- a search whose name is taken by that of another view
CREATE MATERIALIZED VIEW texts AS SELECT post_id, text FROM posts;
CREATE INDEX search ON posts USING FULLTEXT (text);
CREATE INDEX search ON texts USING FULLTEXT (text);

-- a grant on nothing
GRANT SELECT ON like_count TO PUBLIC;

-- a policy on an unknown column
CREATE POLICY own ON posts FOR SELECT USING (user_id = jwt('sub'));

-- a policy with an inequality
CREATE POLICY own ON posts FOR SELECT USING (post_id > 10);

-- a policy that asks a table
CREATE POLICY own ON posts FOR SELECT USING (author_id IN (SELECT user_id FROM likes));

-- a policy with another function
CREATE POLICY own ON posts FOR SELECT USING (author_id = lower('x'));

-- a policy that compares columns
CREATE POLICY own ON posts FOR SELECT USING (author_id = post_id);

-- a policy with a constant of another type
CREATE POLICY own ON posts FOR SELECT USING (author_id = 'me');

-- a policy that exists
CREATE POLICY own ON posts FOR SELECT USING (author_id = jwt('sub'));
CREATE POLICY own ON posts FOR SELECT USING (post_id = jwt('sub'));

-- a view that is still read
DROP TABLE likes;

-- # Sinks

-- a sink without a connector
CREATE SINK out FROM posts WITH (topic = 'derived.posts') FORMAT CHANGELOG ENCODE JSON;

-- a sink with an option of a typo
CREATE SINK out FROM posts WITH (connector = 'log', topci = 'derived.posts') FORMAT CHANGELOG ENCODE JSON;

-- a sink with a connector of later
CREATE SINK out FROM posts WITH (connector = 'kafka', topic = 'derived.posts') FORMAT CHANGELOG ENCODE JSON;

-- a sink with an unknown connector
CREATE SINK out FROM posts WITH (connector = 'rediss') FORMAT CHANGELOG ENCODE JSON;

-- a sink with another encoding
CREATE SINK out FROM posts WITH (connector = 'log', topic = 'derived.posts') FORMAT CHANGELOG ENCODE PROTOBUF;

-- a sink with an unknown format
CREATE SINK out FROM posts WITH (connector = 'log', topic = 'derived.posts') FORMAT UPSRET ENCODE JSON;

-- a sink with a query
CREATE SINK out AS SELECT 1;

-- a sink of nothing
CREATE SINK out FROM post WITH (connector = 'log', topic = 'derived.posts') FORMAT CHANGELOG ENCODE JSON;

-- a sink of a source
CREATE SINK out FROM post_events WITH (connector = 'log', topic = 'derived.posts') FORMAT CHANGELOG ENCODE JSON;

-- a sink into a topic that is read: a cycle
CREATE SINK out FROM posts WITH (connector = 'log', topic = 'social.post') FORMAT CHANGELOG ENCODE JSON;

-- a sink into the topic of dead letters
CREATE SINK out FROM posts WITH (connector = 'log', topic = 'tidewater.dead_letters') FORMAT CHANGELOG ENCODE JSON;

-- two sinks into one topic
CREATE SINK one FROM posts WITH (connector = 'log', topic = 'derived.posts') FORMAT CHANGELOG ENCODE JSON;
CREATE SINK two FROM like_counts WITH (connector = 'log', topic = 'derived.posts') FORMAT CHANGELOG ENCODE JSON;

-- a sink into a topic without a name
CREATE SINK out FROM posts WITH (connector = 'log', topic = 'Derived Posts') FORMAT CHANGELOG ENCODE JSON;

-- a sink of last rows without a key
CREATE SINK out FROM like_counts WITH (connector = 'log', topic = 'derived.likes') FORMAT UPSERT ENCODE JSON;

-- a sink of last rows by what is no key
CREATE SINK out FROM like_counts WITH (connector = 'log', topic = 'derived.likes', key = 'likes') FORMAT UPSERT ENCODE JSON;

-- a sink of last rows by a column that is not there
CREATE SINK out FROM like_counts WITH (connector = 'log', topic = 'derived.likes', key = 'post_idd') FORMAT UPSERT ENCODE JSON;

-- a changelog with a key
CREATE SINK out FROM like_counts WITH (connector = 'log', topic = 'derived.likes', key = 'post_id') FORMAT CHANGELOG ENCODE JSON;

-- invalidations without a key
CREATE SINK out FROM like_counts WITH (connector = 'redis', type = 'invalidate');

-- invalidations with a format
CREATE SINK out FROM like_counts WITH (connector = 'redis', type = 'invalidate', key = 'likes:{post_id}') FORMAT UPSERT ENCODE JSON;

-- invalidations of a column that is not there
CREATE SINK out FROM like_counts WITH (connector = 'redis', type = 'invalidate', key = 'likes:{post}');

-- invalidations of all keys
CREATE SINK out FROM like_counts WITH (connector = 'redis', type = 'invalidate', key = '{post_id}');

-- invalidations with a topic in redis
CREATE SINK out FROM like_counts WITH (connector = 'redis', type = 'invalidate', topic = 'derived.likes', key = 'likes:{post_id}');

-- invalidations in an unknown way
CREATE SINK out FROM like_counts WITH (connector = 'redis', type = 'invalidate', mode = 'versions', key = 'likes:{post_id}');

-- rows in redis
CREATE SINK out FROM like_counts WITH (connector = 'redis', key = 'likes:{post_id}');

-- a sink with an option that no connector has
CREATE SINK out FROM posts WITH (connector = 'log', flavour = 'sweet', topic = 'derived.posts') FORMAT CHANGELOG ENCODE JSON;

-- a topic with an address
CREATE SINK out FROM posts WITH (connector = 'log', topic = 'derived.posts', url = 'redis://cache') FORMAT CHANGELOG ENCODE JSON;

-- a sink without its topic
CREATE SINK out FROM posts WITH (connector = 'log') FORMAT CHANGELOG ENCODE JSON;

-- an address of another system, whose password is not shown
CREATE SINK out FROM like_counts WITH (connector = 'redis', type = 'invalidate', key = 'likes:{post_id}', url = 'http://user:secret@cache');

-- an address without a host
CREATE SINK out FROM like_counts WITH (connector = 'redis', type = 'invalidate', key = 'likes:{post_id}', redis.url = 'redis://user:secret@');

-- an address under both of its names
CREATE SINK out FROM like_counts WITH (connector = 'redis', type = 'invalidate', key = 'likes:{post_id}', url = 'redis://:secret@a', redis.url = 'redis://:secret@b');

-- an address that is given twice
CREATE SINK out FROM like_counts WITH (connector = 'redis', type = 'invalidate', key = 'likes:{post_id}', url = 'redis://:secret@a', url = 'redis://:secret@b');

-- a fault beside an address
CREATE SINK out FROM like_counts WITH (connector = 'redis', type = 'invalidate', url = 'redis://:secret@cache', key = 'likes:{post}');

-- a sink that exists
CREATE SINK out FROM posts WITH (connector = 'log', topic = 'derived.a') FORMAT CHANGELOG ENCODE JSON;
CREATE SINK out FROM posts WITH (connector = 'log', topic = 'derived.b') FORMAT CHANGELOG ENCODE JSON;

-- dropping a sink that is not there
DROP SINK out;

-- a table that a sink follows
CREATE SINK out FROM posts WITH (connector = 'log', topic = 'derived.posts') FORMAT CHANGELOG ENCODE JSON;
DROP TABLE posts;
