-- Window functions of every kind, over partitions of posts and of comments.
SELECT author_id, post_id, row_number() OVER (PARTITION BY author_id ORDER BY edits DESC, post_id) AS n,
  rank() OVER (PARTITION BY author_id ORDER BY edits DESC) AS r, dense_rank() OVER (PARTITION BY author_id ORDER BY edits DESC) AS d FROM posts;

SELECT post_id, percent_rank() OVER (ORDER BY score) AS p, cume_dist() OVER (ORDER BY score DESC) AS c, ntile(4) OVER (ORDER BY post_id) AS t FROM posts;

SELECT post_id, lag(post_id) OVER w AS before, lead(post_id, 2) OVER w AS behind, lag(score, 1, 0) OVER w AS score, lead(text, 1, 'none') OVER w AS next
FROM posts WINDOW w AS (PARTITION BY visibility ORDER BY post_id);

SELECT post_id, lag(score, 1, 0.5) OVER (ORDER BY post_id) AS of_numeric, lead(edits, 0) OVER (ORDER BY post_id) AS own, lag(edits, -1) OVER (ORDER BY post_id) AS next
FROM posts;

SELECT post_id, first_value(text) OVER w AS first, last_value(text) OVER w AS last, nth_value(post_id, 2) OVER w AS second
FROM posts WINDOW w AS (PARTITION BY author_id ORDER BY post_id ROWS BETWEEN 1 PRECEDING AND 1 FOLLOWING);

-- A window that is made of another, and one name for several.
SELECT post_id, sum(score) OVER w AS whole, sum(score) OVER (w ORDER BY post_id) AS running, count(*) OVER v AS near
FROM posts WINDOW w AS (PARTITION BY author_id), v AS (w ORDER BY post_id ROWS 2 PRECEDING);

-- Without an order all rows are peers; with one, the last peer ends the frame.
SELECT author_id, post_id, count(*) OVER () AS everything, sum(edits) OVER (PARTITION BY author_id) AS edits, sum(edits) OVER (ORDER BY author_id) AS up_to_peers FROM posts;

-- Frames of all units.
SELECT post_id, sum(score) OVER (ORDER BY score RANGE BETWEEN 3 PRECEDING AND 3 FOLLOWING) AS near,
  count(*) OVER (ORDER BY score DESC RANGE BETWEEN 2 PRECEDING AND CURRENT ROW) AS above,
  count(*) OVER (ORDER BY score RANGE BETWEEN 5 FOLLOWING AND UNBOUNDED FOLLOWING) AS behind,
  count(*) OVER (ORDER BY score RANGE BETWEEN UNBOUNDED PRECEDING AND 5 PRECEDING) AS before FROM posts;

SELECT post_id, count(*) OVER (ORDER BY edits GROUPS BETWEEN 1 PRECEDING AND 1 FOLLOWING) AS groups,
  count(*) OVER (ORDER BY edits GROUPS BETWEEN 1 FOLLOWING AND 2 FOLLOWING) AS later, max(post_id) OVER (ORDER BY edits GROUPS CURRENT ROW) AS peers FROM posts;

SELECT post_id, count(*) OVER (ORDER BY post_id ROWS BETWEEN 2 FOLLOWING AND 1 FOLLOWING) AS never, sum(post_id) OVER (ORDER BY post_id ROWS 0 PRECEDING) AS own FROM posts;

-- Distances of NUMERIC, DOUBLE PRECISION and extremes of BIGINT.
SELECT post_id, count(*) OVER (ORDER BY CAST(score AS NUMERIC(10, 2)) RANGE BETWEEN 1.25 PRECEDING AND 0.5 FOLLOWING) AS decimals,
  count(*) OVER (ORDER BY score / 3.0 RANGE BETWEEN 0.7 PRECEDING AND 0.7 FOLLOWING) AS numerics,
  count(*) OVER (ORDER BY CAST(score AS DOUBLE PRECISION) RANGE BETWEEN 1.5 PRECEDING AND 1.5 FOLLOWING) AS doubles,
  count(*) OVER (ORDER BY video RANGE BETWEEN 10 PRECEDING AND 10 FOLLOWING) AS extremes FROM posts;

-- Distances of times.
SELECT post_id, sum(edits) OVER (ORDER BY at RANGE BETWEEN INTERVAL '5 minutes' PRECEDING AND CURRENT ROW) AS recent,
  count(*) OVER (PARTITION BY author_id ORDER BY at DESC RANGE BETWEEN CURRENT ROW AND INTERVAL '1 hour 30 minutes' FOLLOWING) AS earlier
FROM (SELECT post_id, author_id, edits, TIMESTAMPTZ '1969-12-31 22:00:00+00' + score * INTERVAL '1 minute' AS at FROM posts) AS timed;

SELECT post_id, count(*) OVER (ORDER BY day RANGE BETWEEN INTERVAL '36 hours' PRECEDING AND INTERVAL '1 day' FOLLOWING) AS near
FROM (SELECT post_id, CAST(TIMESTAMP '2024-02-28 00:00:00' + edits * INTERVAL '1 day' AS DATE) AS day FROM posts) AS timed;

-- Aggregates with and without a filter.
SELECT comment_id, count(*) FILTER (WHERE text IS NOT NULL) OVER w AS told, avg(author_id) OVER w AS mean, min(text) OVER w AS least, max(text) OVER w AS greatest,
  bool_and(parent_id IS NULL) OVER w AS all_roots, bool_or(parent_id IS NULL) FILTER (WHERE author_id > 3) OVER w AS any_root,
  string_agg(text, ',') OVER w AS texts
FROM comments WINDOW w AS (PARTITION BY post_id ORDER BY comment_id ROWS BETWEEN 2 PRECEDING AND CURRENT ROW);

-- Over groups, below conditions and within expressions.
SELECT author_id, count(*) AS posts, rank() OVER (ORDER BY count(*) DESC) AS place, sum(count(*)) OVER (ORDER BY author_id) AS so_far FROM posts GROUP BY author_id;

SELECT author_id, post_id FROM (SELECT author_id, post_id, rank() OVER (PARTITION BY author_id ORDER BY edits DESC) AS r, count(*) OVER (PARTITION BY author_id) AS n FROM posts) AS ranked
WHERE r <= 2 AND n > 1;

SELECT post_id, edits - lag(edits, 1, 0) OVER (ORDER BY post_id) AS change, CASE WHEN row_number() OVER (ORDER BY post_id DESC) = 1 THEN 'newest' ELSE text END AS label FROM posts;

SELECT p.post_id, l.user_id, row_number() OVER (PARTITION BY p.post_id ORDER BY l.user_id) AS n, count(l.user_id) OVER (PARTITION BY p.author_id) AS liked
FROM posts p LEFT JOIN likes l ON l.post_id = p.post_id;

-- A list is unnested before it is numbered: two elements are peers although their rows are not.
SELECT post_id, tag, count(*) OVER (ORDER BY tag) AS up_to, rank() OVER (PARTITION BY post_id ORDER BY tag) AS place FROM posts CROSS JOIN LATERAL unnest(tags) AS t(tag);

-- DISTINCT ON.
SELECT DISTINCT ON (author_id) author_id, post_id, text FROM posts ORDER BY author_id, edits DESC, post_id;

SELECT DISTINCT ON (author_id, visibility) author_id, visibility, post_id FROM posts ORDER BY author_id, visibility, post_id DESC LIMIT 4;

SELECT d.author_id, u.username FROM (SELECT DISTINCT ON (score % 5) author_id, score FROM posts ORDER BY score % 5, post_id) AS d JOIN users u ON u.user_id = d.author_id;

SELECT DISTINCT ON (count(*)) author_id, count(*) AS posts FROM posts GROUP BY author_id ORDER BY count(*), author_id;

-- The first rows beside each row.
SELECT u.user_id, p.post_id, p.text FROM users u CROSS JOIN LATERAL (SELECT post_id, text FROM posts WHERE author_id = u.user_id ORDER BY post_id DESC LIMIT 2) AS p;

SELECT u.user_id, p.post_id FROM users u LEFT JOIN LATERAL (SELECT q.post_id FROM posts q WHERE q.author_id = u.user_id AND q.edits = 0 ORDER BY q.score, q.post_id LIMIT 1 OFFSET 1) AS p ON p.post_id > 3;

SELECT u.user_id, f.name FROM users u, LATERAL (SELECT v.username AS name FROM follows g JOIN users v ON v.user_id = g.followee_id WHERE u.user_id = g.follower_id ORDER BY v.user_id LIMIT 1) AS f;

-- Sets of keys.
SELECT author_id, visibility, count(*) AS posts, GROUPING(author_id, visibility) AS level FROM posts GROUP BY ROLLUP (author_id, visibility);

SELECT author_id, pinned, sum(edits) AS edits, GROUPING(author_id) AS a, GROUPING(pinned) AS p FROM posts GROUP BY CUBE (author_id, pinned);

SELECT author_id, edits % 2 AS odd, count(*) AS posts FROM posts GROUP BY GROUPING SETS ((author_id, edits % 2), (edits % 2), (), ());

SELECT COALESCE(visibility, 'all') AS label, edits + 1 AS next, max(score) AS best FROM posts GROUP BY GROUPING SETS ((visibility), (edits)) HAVING count(*) > 1;

SELECT post_id, author_id, count(*) AS comments FROM comments GROUP BY post_id, ROLLUP (author_id);

SELECT GROUPING(author_id) AS missing FROM posts WHERE author_id < 0 GROUP BY ROLLUP (author_id);

SELECT author_id, GROUPING(author_id) AS none, count(*) AS posts FROM posts GROUP BY author_id;

SELECT author_id, count(*) AS posts, sum(count(*)) OVER (PARTITION BY GROUPING(author_id)) AS level FROM posts GROUP BY ROLLUP (author_id);

-- A condition on rows of all sets, and on a constant beside an aggregate: what is no row of the sub-query is none of the view, also before any event.
SELECT author_id, posts, level FROM (SELECT author_id, visibility, count(*) AS posts, GROUPING(author_id, visibility) AS level FROM posts
  GROUP BY ROLLUP (author_id, visibility)) AS sets WHERE author_id = 3;

SELECT label, posts FROM (SELECT visibility AS label, count(*) AS posts FROM posts GROUP BY visibility
  UNION ALL SELECT 'all', count(*) FROM posts UNION ALL SELECT 'none', count(*) FROM posts) AS counts WHERE label IN ('all', 'public');

SELECT p.post_id, c.comments FROM posts p LEFT JOIN (SELECT CAST(NULL AS TEXT) AS label, count(*) AS comments FROM comments) AS c
  ON c.label = 'all' AND c.comments = p.edits;

-- Lists and JSON as rows: numbered, side by side, of the row before them.
SELECT p.post_id, t.tag, t.n FROM posts p, unnest(p.tags) WITH ORDINALITY AS t(tag, n);

SELECT p.post_id, t.* FROM posts p CROSS JOIN LATERAL unnest(p.tags, ARRAY[p.edits, p.edits + 1, NULL], ARRAY['x']) WITH ORDINALITY AS t(tag, number, letter, n);

SELECT p.post_id, CAST(EXTRACT(epoch FROM g.moment) AS BIGINT) AS moment, g.n FROM posts p,
  generate_series(TIMESTAMPTZ '1969-12-31 23:00:00+00', TIMESTAMPTZ '1969-12-31 23:00:00+00' + p.edits * INTERVAL '1 hour', INTERVAL '25 minutes')
  WITH ORDINALITY AS g(moment, n);

SELECT p.post_id, CAST(EXTRACT(epoch FROM g.moment) AS BIGINT) AS moment FROM posts p,
  generate_series(TIMESTAMP '1500-01-31 00:00:00' + p.edits * INTERVAL '700 years', TIMESTAMP '1500-04-30 00:00:00' + p.edits * INTERVAL '700 years', INTERVAL '1 month') AS g(moment);

-- Columns of lists that have the names of columns beside them.
SELECT p.post_id, p.text AS title, u.text, u.edits, p.edits AS own FROM posts p, unnest(p.tags, ARRAY[p.edits + 5, NULL]) AS u(text, edits) WHERE u.edits > p.edits OR u.text <> p.text;

SELECT p.post_id, u.tags AS tag, u.score FROM posts p LEFT JOIN LATERAL unnest(p.tags) WITH ORDINALITY AS u(tags, score) ON TRUE;

SELECT p.post_id, n.edits, n.text FROM posts p, LATERAL (SELECT p.edits + 1 AS edits, upper(p.text) AS text) AS n WHERE n.edits > 1;

SELECT p.post_id, g.n, g.place FROM posts p, generate_series(2, p.edits + 2) WITH ORDINALITY AS g(n, place);

SELECT post_id, unnest(tags) AS tag, unnest(ARRAY[edits, edits + 1]) AS number FROM posts;

SELECT p.post_id, l.tag, l.n FROM posts p LEFT JOIN LATERAL unnest(p.tags) WITH ORDINALITY AS l(tag, n) ON TRUE;

SELECT p.post_id, e.value, e.ordinality FROM posts p, jsonb_array_elements(to_jsonb(p.tags)) WITH ORDINALITY AS e;

SELECT p.post_id, line ->> 'a' AS text, CAST(line -> 'b' AS BIGINT) AS edits, line
FROM posts p, jsonb_array_elements(jsonb_build_array(jsonb_build_object('a', p.text, 'b', p.edits), jsonb_build_object('a', p.visibility))) AS line;

SELECT p.post_id, l.n, (l.line->>'qty')::BIGINT AS qty FROM posts p, jsonb_array_elements(jsonb_build_object('lines', jsonb_build_array(
  jsonb_build_object('qty', p.edits), jsonb_build_object('qty', '7'))) -> 'lines') WITH ORDINALITY AS l(line, n) WHERE l.line ? 'qty';

SELECT p.post_id, e.key, e.value FROM posts p CROSS JOIN LATERAL jsonb_each(jsonb_build_object('text', p.text, 'score', p.score, 'pinned', p.pinned)) AS e;

SELECT k, v FROM (SELECT jsonb_build_object('visibility', visibility, 'edits', edits) AS j FROM posts) AS s, jsonb_each_text(s.j) AS t(k, v);

SELECT p.post_id, e AS tag FROM posts p LEFT JOIN LATERAL jsonb_array_elements_text(to_jsonb(p.tags)) AS e ON TRUE;

SELECT post_id, line ->> 0 AS first FROM (SELECT post_id, jsonb_build_array(jsonb_build_array(text, edits)) AS lines FROM posts) AS s, jsonb_array_elements(lines) AS line;

SELECT key, count(*) AS posts FROM (SELECT jsonb_object_keys(jsonb_build_object(coalesce(visibility, 'none'), 1, 'x', 2)) AS key FROM posts) AS k GROUP BY key;

SELECT author_id, sum(CAST(number AS BIGINT)) AS total FROM posts, jsonb_array_elements(jsonb_build_array(edits, score)) AS number
WHERE jsonb_typeof(number) = 'number' GROUP BY author_id;

SELECT p.post_id, w FROM posts p, string_to_table(p.text, 'a') AS w;

SELECT p.post_id, w.part, w.n FROM posts p, regexp_split_to_table(p.text, '[aeiou]') WITH ORDINALITY AS w(part, n);

SELECT p.post_id, m[1] AS first, m[2] AS second FROM posts p, regexp_matches(p.text, '(.)([^ ])', 'g') AS m;

-- JSONB is grouped, joined and compared by its value.
SELECT jsonb_build_object('visibility', visibility) AS v, count(*) AS posts FROM posts GROUP BY jsonb_build_object('visibility', visibility);

SELECT DISTINCT to_jsonb(edits) || to_jsonb(tags) AS joined FROM posts;

SELECT a.post_id, b.post_id AS other FROM posts a JOIN posts b
ON jsonb_build_object('v', a.visibility, 'e', a.edits) = jsonb_build_object('e', b.edits, 'v', b.visibility) AND a.post_id < b.post_id;

SELECT post_id FROM posts WHERE jsonb_build_object('tags', tags, 'edits', edits) @> '{"edits": 0}' OR to_jsonb(tags) IN ('[]', '["a"]');
