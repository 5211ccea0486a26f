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

-- lists side by side in FROM
CREATE MATERIALIZED VIEW v AS SELECT a FROM posts p CROSS JOIN LATERAL unnest(p.hashtags, p.hashtags) AS t(a, b);

-- the numbers of a list's items
CREATE MATERIALIZED VIEW v AS SELECT tag, n FROM posts p CROSS JOIN LATERAL unnest(p.hashtags) WITH ORDINALITY AS t(tag, n);

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

-- a rank
CREATE MATERIALIZED VIEW v AS SELECT post_id, RANK() OVER (ORDER BY created_at) AS place FROM posts;

-- a running total
CREATE MATERIALIZED VIEW v AS SELECT post_id, sum(post_id) OVER (ORDER BY created_at) AS total FROM posts;

-- a row number without a bound
CREATE MATERIALIZED VIEW v AS SELECT post_id, ROW_NUMBER() OVER (PARTITION BY author_id ORDER BY created_at) AS place FROM posts;

-- a row number bounded from below
CREATE MATERIALIZED VIEW v AS
  SELECT post_id FROM (SELECT post_id, ROW_NUMBER() OVER (ORDER BY created_at) AS place FROM posts) t WHERE place > 10;

-- two window functions
CREATE MATERIALIZED VIEW v AS SELECT post_id FROM
  (SELECT post_id, ROW_NUMBER() OVER (ORDER BY created_at) AS a, ROW_NUMBER() OVER (ORDER BY text) AS b FROM posts) t WHERE a < 5 AND b < 5;

-- DISTINCT ON
CREATE MATERIALIZED VIEW v AS SELECT DISTINCT ON (author_id) author_id, post_id FROM posts ORDER BY author_id, created_at;

-- # Aggregates

-- a count of two columns
CREATE MATERIALIZED VIEW v AS SELECT count(DISTINCT post_id, author_id) AS n FROM posts;

-- a decayed sum of distinct values
CREATE MATERIALIZED VIEW v AS SELECT author_id, decayed_sum(DISTINCT 1, created_at, INTERVAL '1 hour') AS score FROM posts GROUP BY author_id;

-- an aggregate that is not supported
CREATE MATERIALIZED VIEW v AS SELECT author_id, stddev(post_id) AS spread FROM posts GROUP BY author_id;

-- a column outside of GROUP BY
CREATE MATERIALIZED VIEW v AS SELECT author_id, text, count(*) AS n FROM posts GROUP BY author_id;

-- an aggregate in WHERE
CREATE MATERIALIZED VIEW v AS SELECT author_id FROM posts WHERE count(*) > 1 GROUP BY author_id;

-- grouping sets
CREATE MATERIALIZED VIEW v AS SELECT author_id, reply_to, count(*) AS n FROM posts GROUP BY ROLLUP (author_id, reply_to);

-- two aggregates that differ by a cast
CREATE MATERIALIZED VIEW v AS SELECT max(post_id) AS a, max(CAST(post_id AS TEXT)) AS b FROM posts;

-- a separator that is no constant
CREATE MATERIALIZED VIEW v AS SELECT author_id, string_agg(text, text) AS texts FROM posts GROUP BY author_id;

-- a half-life of no fixed length
CREATE MATERIALIZED VIEW v AS SELECT post_id, decayed_sum(1, liked_at, INTERVAL '1 month') AS score FROM likes GROUP BY post_id;

-- # Time

-- hopping windows
CREATE MATERIALIZED VIEW v AS SELECT window_start, count(*) AS n FROM HOP(posts, created_at, INTERVAL '1 minute', INTERVAL '1 hour') GROUP BY window_start;

-- windows of an unknown kind
CREATE MATERIALIZED VIEW v AS SELECT window_start, count(*) AS n FROM TUMBEL(posts, created_at, INTERVAL '1 hour') GROUP BY window_start;

-- windows without a time
CREATE MATERIALIZED VIEW v AS SELECT window_start, count(*) AS n FROM TUMBLE(posts, INTERVAL '1 hour') GROUP BY window_start;

-- NOW() in a column
CREATE MATERIALIZED VIEW v AS SELECT post_id, NOW() - created_at AS age FROM posts;

-- NOW() in an alternative
CREATE MATERIALIZED VIEW v AS SELECT post_id FROM posts WHERE created_at > NOW() - INTERVAL '1 hour' OR author_id = 1;

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

-- two lists unnested at once
CREATE MATERIALIZED VIEW v AS SELECT unnest(hashtags) AS a, unnest(string_to_array(text, ' ')) AS b FROM posts;

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

-- a function that makes JSON
CREATE MATERIALIZED VIEW v AS SELECT author_id, json_agg(text) AS texts FROM posts GROUP BY author_id;

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

-- a second MERGE
MERGE INTO posts USING post_events e ON posts.post_id = e.aggregate_id WHEN MATCHED AND e.event_type = 'post.deleted' THEN DELETE;

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
CREATE SOURCE s WITH (connector = 'log', topic = 'social.video') FORMAT PLAIN ENCODE PROTOBUF (message = 'social.v1.VideosEvent');

-- a message of another topic
CREATE SOURCE s WITH (connector = 'log', topic = 'social.video') FORMAT PLAIN ENCODE PROTOBUF (message = 'social.v1.MediaEvent');

-- a second source of one topic
CREATE SOURCE s WITH (connector = 'log', topic = 'social.post') FORMAT PLAIN ENCODE PROTOBUF (message = 'social.v1.PostEvent');

-- an unknown option
CREATE SOURCE s WITH (connector = 'log', topic = 'social.video', retension = '7 days') FORMAT PLAIN ENCODE PROTOBUF (message = 'social.v1.VideoEvent');

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

-- a sink into a topic of events
CREATE SINK out FROM posts WITH (connector = 'log', topic = 'social.video') FORMAT CHANGELOG ENCODE JSON;

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
