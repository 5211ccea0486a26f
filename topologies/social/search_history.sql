-- What a user has searched for, which is his own affair, and what many search for.
CREATE TABLE all_searches (
  user_id BIGINT,
  query TEXT,
  kind TEXT,
  searches BIGINT NOT NULL,
  clicked_id BIGINT,
  searched_at TIMESTAMPTZ NOT NULL,
  PRIMARY KEY (user_id, query, kind)
);

-- Queries that differ in case or in blanks around them are the same.
MERGE INTO all_searches s USING search_events e
  ON s.user_id = e.aggregate_id AND s.query = lower(trim(e.performed.query)) AND s.kind = e.performed.kind
  WHEN MATCHED AND e.event_type = 'search.performed' THEN UPDATE SET
    searches = s.searches + 1, clicked_id = COALESCE(e.performed.clicked_id, s.clicked_id), searched_at = e.occurred_at
  WHEN NOT MATCHED AND e.event_type = 'search.performed' AND trim(e.performed.query) <> '' THEN INSERT VALUES
    (e.aggregate_id, lower(trim(e.performed.query)), e.performed.kind, 1, e.performed.clicked_id, e.occurred_at);

CREATE MATERIALIZED VIEW search_history AS
  SELECT s.user_id, s.query, s.kind, s.searches, s.clicked_id, s.searched_at FROM all_searches s
  WHERE NOT EXISTS (SELECT 1 FROM departed d WHERE d.user_id = s.user_id);
CREATE INDEX ON search_history (user_id, searched_at DESC, kind, query) WITH (limit = 100);
CREATE POLICY own_searches ON search_history FOR SELECT USING (user_id = jwt('sub'));

-- Suggestions: a query that fewer than three users have made may be somebody's secret and is not shown. Nobody counts twice.
CREATE MATERIALIZED VIEW popular_queries AS
  SELECT query, kind, count(*) AS users FROM search_history GROUP BY query, kind HAVING count(*) >= 3;
CREATE INDEX ON popular_queries (query, kind);
CREATE INDEX ON popular_queries (users DESC, query, kind);
GRANT SELECT ON popular_queries TO PUBLIC;
