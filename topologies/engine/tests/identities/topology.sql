-- Everything that has an identity: every operator of the graph, many kinds of expressions, sinks and a full-text index.
CREATE SOURCE post_events WITH (connector = 'log', topic = 'social.post', partitions = 4) FORMAT PLAIN ENCODE PROTOBUF (message = 'social.v1.PostEvent', schema.location = 'post.proto');
CREATE SOURCE user_events WITH (connector = 'log', topic = 'social.user', deduplication = '1 day') FORMAT PLAIN ENCODE JSON (message = 'social.v1.UserEvent', schema.location = 'user.proto');

CREATE TABLE posts (
  post_id BIGINT PRIMARY KEY, author_id BIGINT NOT NULL, text TEXT NOT NULL, hashtags TEXT[], likes BIGINT NOT NULL, weight NUMERIC(10, 2),
  created_at TIMESTAMPTZ NOT NULL
);
MERGE INTO posts p USING post_events e ON p.post_id = e.aggregate_id
  WHEN MATCHED AND e.event_type = 'post.deleted' THEN DELETE
  WHEN MATCHED AND e.event_type = 'post.viewed' AND p.likes > 1000 THEN DO NOTHING
  WHEN MATCHED AND e.event_type = 'post.liked' THEN UPDATE SET likes = p.likes + 1
  WHEN MATCHED AND e.event_type = 'post.updated' THEN UPDATE SET text = e.updated.text, hashtags = e.updated.hashtags
  WHEN NOT MATCHED AND e.event_type = 'post.created' THEN INSERT VALUES
    (e.aggregate_id, e.created.author_id, e.created.text, e.created.hashtags, 0, 1.5, e.occurred_at);
CREATE TABLE follows (follower_id BIGINT, followee_id BIGINT, PRIMARY KEY (follower_id, followee_id));
MERGE INTO follows f USING user_events e
  ON f.follower_id = e.aggregate_id AND f.followee_id = COALESCE(e.followed.followee_id, e.unfollowed.followee_id)
  WHEN MATCHED AND e.event_type = 'user.unfollowed' THEN DELETE
  WHEN NOT MATCHED AND e.event_type = 'user.followed' THEN INSERT VALUES (e.aggregate_id, e.followed.followee_id);
CREATE TABLE markers (user_id BIGINT PRIMARY KEY, seen_id BIGINT NOT NULL);
MERGE INTO markers m USING post_events e ON m.user_id = e.actor_id
  WHEN MATCHED AND e.event_type = 'post.viewed' THEN UPDATE SET seen_id = GREATEST(m.seen_id, e.aggregate_id)
  WHEN NOT MATCHED AND e.event_type = 'post.viewed' THEN INSERT VALUES (e.actor_id, e.aggregate_id);

-- join, and an index with a limit
CREATE MATERIALIZED VIEW feed AS SELECT f.follower_id AS user_id, p.created_at, p.post_id, p.text FROM follows f JOIN posts p ON p.author_id = f.followee_id;
CREATE INDEX feed_newest ON feed (user_id, created_at DESC, post_id DESC) WITH (limit = 100);
-- semijoin and antijoin
CREATE MATERIALIZED VIEW followed_authors AS SELECT post_id FROM posts p WHERE EXISTS (SELECT 1 FROM follows f WHERE f.followee_id = p.author_id);
CREATE INDEX ON followed_authors (post_id);
CREATE MATERIALIZED VIEW lonely_authors AS SELECT post_id FROM posts p WHERE NOT EXISTS (SELECT 1 FROM follows f WHERE f.followee_id = p.author_id);
CREATE INDEX ON lonely_authors (post_id);
-- count across an inequality
CREATE MATERIALIZED VIEW unseen AS
  SELECT m.user_id, count(*) AS posts FROM markers m JOIN posts p ON p.author_id = m.user_id AND p.post_id > m.seen_id GROUP BY m.user_id;
CREATE INDEX ON unseen (user_id);
-- aggregates of a table, and without GROUP BY
CREATE MATERIALIZED VIEW authors AS
  SELECT author_id, count(*) AS posts, count(weight) AS weighed, count(DISTINCT text) AS texts, min(post_id) AS first, max(created_at) AS last,
    avg(weight) AS average, bool_and(likes > 0) AS all_liked, bool_or(likes > 0) FILTER (WHERE weight > 1) AS any_liked,
    array_agg(post_id ORDER BY created_at DESC) AS ids, string_agg(text, ', ' ORDER BY post_id) AS words,
    decayed_sum(likes, created_at, INTERVAL '6 hours') AS score
  FROM posts GROUP BY author_id;
CREATE INDEX ON authors (author_id);
CREATE MATERIALIZED VIEW totals AS SELECT count(*) AS posts, sum(weight) AS weight FROM posts;
-- an aggregate of a stream, which is kept
CREATE MATERIALIZED VIEW event_counts AS SELECT event_type, count(*) AS events, max(occurred_at) AS last FROM post_events GROUP BY event_type;
CREATE INDEX ON event_counts (event_type);
-- distinct, union, unnest, constants
CREATE MATERIALIZED VIEW people AS SELECT DISTINCT author_id AS user_id FROM posts;
CREATE INDEX ON people (user_id);
CREATE MATERIALIZED VIEW edges AS SELECT follower_id AS user_id, 'follower' AS kind FROM follows UNION ALL SELECT followee_id, 'followee' FROM follows;
CREATE INDEX ON edges (user_id);
CREATE MATERIALIZED VIEW tags AS SELECT post_id, unnest(hashtags) AS tag FROM posts;
CREATE INDEX ON tags (tag, post_id);
CREATE MATERIALIZED VIEW kinds AS SELECT * FROM (VALUES (1, 'a'), (2, NULL)) AS k (id, name);
CREATE INDEX ON kinds (id);
-- copies of rows
CREATE MATERIALIZED VIEW strangers AS SELECT author_id AS user_id FROM posts EXCEPT ALL SELECT follower_id FROM follows;
CREATE INDEX ON strangers (user_id);
CREATE MATERIALIZED VIEW measures AS
  SELECT author_id, sum(CAST(likes AS DOUBLE PRECISION)) AS total, avg(CAST(likes AS DOUBLE PRECISION)) AS average, sum(DISTINCT likes) AS different
  FROM posts GROUP BY author_id;
CREATE INDEX ON measures (author_id);
-- statistics, values at places, first values and bits
CREATE MATERIALIZED VIEW statistics AS
  SELECT author_id, stddev(likes) AS spread, var_pop(weight) AS variance, stddev_samp(CAST(likes AS DOUBLE PRECISION)) AS float_spread,
    corr(weight, likes) AS related, regr_count(weight, likes) AS pairs, regr_slope(weight, likes) AS slope,
    percentile_cont(0.95) WITHIN GROUP (ORDER BY likes DESC) AS late, percentile_disc(ARRAY[0.25, 0.75]) WITHIN GROUP (ORDER BY text) AS quarters,
    median(weight) AS middle, mode() WITHIN GROUP (ORDER BY text) AS usual, max_by(text, likes) AS loudest,
    last_value(text ORDER BY created_at) AS last, bit_or(likes) AS bits, variance(DISTINCT likes) AS different,
    jsonb_agg(text ORDER BY created_at) AS json, jsonb_object_agg(text, likes) AS named
  FROM posts GROUP BY author_id;
CREATE INDEX ON statistics (author_id);
-- the latest of a stream, of which one row is kept
CREATE MATERIALIZED VIEW last_events AS
  SELECT aggregate_id AS post_id, arg_max(event_type, occurred_at) AS event_type, every(event_type <> 'post.deleted') AS lives
  FROM post_events GROUP BY aggregate_id;
CREATE INDEX ON last_events (post_id);
-- top-k with and without a rank
CREATE MATERIALIZED VIEW newest AS SELECT post_id, author_id FROM posts ORDER BY created_at DESC LIMIT 10 OFFSET 2;
CREATE INDEX ON newest (post_id);
CREATE MATERIALIZED VIEW best AS
  SELECT author_id, post_id, place FROM (SELECT author_id, post_id, ROW_NUMBER() OVER (PARTITION BY author_id ORDER BY likes DESC, post_id) AS place FROM posts) r WHERE place <= 3;
CREATE INDEX ON best (author_id, place);
-- functions over the rows around a row
CREATE MATERIALIZED VIEW around AS
  SELECT post_id, rank() OVER (PARTITION BY author_id ORDER BY likes DESC) AS place, lag(text, 1, '') OVER w AS before, sum(likes) FILTER (WHERE weight > 1) OVER w AS near,
    avg(likes) OVER (PARTITION BY author_id ORDER BY created_at RANGE BETWEEN INTERVAL '5 minutes' PRECEDING AND CURRENT ROW) AS recent
  FROM posts WINDOW w AS (PARTITION BY author_id ORDER BY post_id ROWS BETWEEN 2 PRECEDING AND 1 FOLLOWING);
CREATE INDEX ON around (post_id);
-- a temporal filter over a stream, and windows
CREATE MATERIALIZED VIEW recent AS SELECT aggregate_id AS post_id, occurred_at FROM post_events WHERE occurred_at > NOW() - INTERVAL '1 hour';
CREATE INDEX ON recent (post_id);
CREATE MATERIALIZED VIEW hourly AS SELECT window_start, count(*) AS posts FROM TUMBLE(posts, created_at, INTERVAL '1 hour') GROUP BY window_start;
CREATE INDEX ON hourly (window_start);
CREATE MATERIALIZED VIEW spells AS SELECT author_id, window_start, window_end, count(*) AS posts FROM SESSION(posts, created_at, INTERVAL '30 minutes', author_id) GROUP BY author_id, window_start, window_end;
CREATE INDEX ON spells (author_id, window_start);
-- expressions
CREATE MATERIALIZED VIEW expressions AS
  SELECT post_id, -likes AS negative, NOT (likes > 3) AS few, text LIKE 'a%' AS begins, text ILIKE '%B%' AS holds, text NOT LIKE 'c_' AS differs,
    weight IS NULL AS unweighed, weight IS NOT NULL AS weighed, (likes > 3) IS TRUE AS many, (likes > 3) IS NOT FALSE AS perhaps,
    (weight > 1) IS UNKNOWN AS unknown, likes BETWEEN 2 AND 7 AS some, post_id IN (1, 2, 3, 5, 8) AS listed,
    CASE WHEN likes > 9 THEN 'hot' WHEN likes > 3 THEN 'warm' ELSE 'cold' END AS heat, CASE author_id WHEN 1 THEN 'one' END AS named,
    CAST(likes AS TEXT) AS written, upper(text) || '!' AS loud, COALESCE(weight, 0) AS known, hashtags[1] AS first_tag,
    created_at + INTERVAL '1 day' AS tomorrow, extract(hour FROM created_at) AS hour, date_trunc('day', created_at) AS day,
    likes % 7 AS rest, likes * 2 + 1 AS odd, text ~ '^[a-z]+$' AS small, likes & 3 AS bits, NULLIF(text, '') AS filled,
    CAST(created_at AS DATE) AS on_day, length(text) AS letters, weight * 1.10 AS raised
  FROM posts WHERE likes >= 0 OR text <> 'x';
CREATE INDEX ON expressions (post_id);

CREATE SINK feed_rows FROM feed WITH (connector = 'log', topic = 'derived.feed') FORMAT CHANGELOG ENCODE JSON;
CREATE INDEX post_search ON feed USING FULLTEXT (text) INCLUDE (user_id, created_at) WITH (stemmer = 'english');
