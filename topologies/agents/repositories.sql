-- Repositories with what was pushed to them, and pull requests by their task.
CREATE TABLE all_repositories (
  repository_id TEXT PRIMARY KEY,
  pushes BIGINT NOT NULL,
  last_commit TEXT,
  pushed_at TIMESTAMPTZ NOT NULL
);
MERGE INTO all_repositories r USING repository_events e ON r.repository_id = e.aggregate_id
  WHEN MATCHED AND e.event_type = 'push.received' THEN UPDATE SET
    pushes = r.pushes + 1, last_commit = e.payload ->> 'commit', pushed_at = e.occurred_at
  WHEN NOT MATCHED AND e.event_type = 'push.received' THEN INSERT VALUES (e.aggregate_id, 1, e.payload ->> 'commit', e.occurred_at);

CREATE MATERIALIZED VIEW repositories AS SELECT repository_id, pushes, last_commit, pushed_at FROM all_repositories;
CREATE INDEX ON repositories (repository_id);
CREATE INDEX ON repositories (pushed_at DESC, repository_id);
CREATE POLICY dashboard_reads_repositories ON repositories FOR SELECT USING (jwt('service') = 'dashboard');

CREATE TABLE all_pull_requests (
  repository_id TEXT,
  number BIGINT,
  task_id TEXT,
  title TEXT,
  author_id TEXT,
  state TEXT NOT NULL,
  opened_at TIMESTAMPTZ NOT NULL,
  closed_at TIMESTAMPTZ,
  PRIMARY KEY (repository_id, number)
);
MERGE INTO all_pull_requests p USING repository_events e
  ON p.repository_id = e.aggregate_id AND p.number = CAST(e.payload ->> 'number' AS BIGINT)
  WHEN NOT MATCHED AND e.event_type = 'pull_request.opened' THEN INSERT VALUES
    (e.aggregate_id, CAST(e.payload ->> 'number' AS BIGINT), e.payload ->> 'task_id', e.payload ->> 'title', e.actor_id, 'OPEN', e.occurred_at, NULL)
  WHEN MATCHED AND e.event_type = 'pull_request.merged' AND p.state = 'OPEN' THEN UPDATE SET state = 'MERGED', closed_at = e.occurred_at
  WHEN MATCHED AND e.event_type = 'pull_request.closed' AND p.state = 'OPEN' THEN UPDATE SET state = 'CLOSED', closed_at = e.occurred_at
  WHEN NOT MATCHED AND e.event_type IN ('pull_request.merged', 'pull_request.closed') THEN RAISE 'there is no such pull request'
  WHEN MATCHED AND e.event_type IN ('pull_request.opened', 'pull_request.merged', 'pull_request.closed') THEN RAISE 'the pull request is not open';

CREATE MATERIALIZED VIEW pull_requests AS
  SELECT repository_id, opened_at, number, task_id, title, author_id, state, closed_at FROM all_pull_requests;
CREATE INDEX ON pull_requests (repository_id, opened_at DESC, number);
CREATE INDEX ON pull_requests (author_id, opened_at DESC, repository_id, number);
CREATE POLICY own_pull_requests ON pull_requests FOR SELECT USING (author_id = jwt('sub'));
CREATE POLICY dashboard_reads_pull_requests ON pull_requests FOR SELECT USING (jwt('service') = 'dashboard');
