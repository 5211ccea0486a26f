-- The three reads of the dashboard, each by the user alone: the numbers, the tasks with their pull requests, and what happened lately.
CREATE MATERIALIZED VIEW dashboard_stats AS
  SELECT user_id, count(*) AS tasks,
    count(*) FILTER (WHERE state = 'QUEUED') AS queued, count(*) FILTER (WHERE state = 'RUNNING') AS running,
    count(*) FILTER (WHERE state = 'COMPLETED') AS completed, count(*) FILTER (WHERE state = 'FAILED') AS failed,
    CAST(CAST(count(*) FILTER (WHERE state = 'COMPLETED') AS NUMERIC(20, 4)) / NULLIF(count(*) FILTER (WHERE state IN ('COMPLETED', 'FAILED')), 0)
      AS NUMERIC(5, 4)) AS success_rate,
    percentile_cont(0.5) WITHIN GROUP (ORDER BY duration_ms) AS p50_ms, percentile_cont(0.95) WITHIN GROUP (ORDER BY duration_ms) AS p95_ms
  FROM all_agent_tasks GROUP BY user_id;
CREATE INDEX ON dashboard_stats (user_id);
CREATE POLICY own_dashboard_stats ON dashboard_stats FOR SELECT USING (user_id = jwt('sub'));
CREATE SINK stale_dashboard_stats FROM dashboard_stats WITH (connector = 'log', type = 'invalidate', topic = 'agents.stale_stats', key = 'stats:{user_id}');

CREATE VIEW task_pull_requests AS
  SELECT task_id, array_agg(repository_id || '#' || CAST(number AS TEXT) ORDER BY opened_at, repository_id, number) AS pull_requests,
    count(*) FILTER (WHERE state = 'OPEN') AS open_pull_requests, count(*) FILTER (WHERE state = 'MERGED') AS merged_pull_requests
  FROM all_pull_requests WHERE task_id IS NOT NULL GROUP BY task_id;
CREATE MATERIALIZED VIEW dashboard_tasks AS
  SELECT t.user_id, t.created_at, t.task_id, t.kind, t.complexity, t.strategy, t.state, t.duration_ms, t.error,
    p.pull_requests, COALESCE(p.open_pull_requests, 0) AS open_pull_requests, COALESCE(p.merged_pull_requests, 0) AS merged_pull_requests
  FROM all_agent_tasks t LEFT JOIN task_pull_requests p ON p.task_id = t.task_id;
CREATE INDEX ON dashboard_tasks (user_id, created_at DESC, task_id);
CREATE POLICY own_dashboard_tasks ON dashboard_tasks FOR SELECT USING (user_id = jwt('sub'));
CREATE SINK stale_dashboard_tasks FROM dashboard_tasks WITH (connector = 'log', type = 'invalidate', topic = 'agents.stale_tasks', key = 'tasks:{user_id}');

-- A week of what a user did or had done. Lines of logs, typing and presence are left out.
CREATE MATERIALIZED VIEW recent_activity AS
  SELECT actor_id AS user_id, occurred_at, event_id, event_type, aggregate_id AS subject FROM agent_conversation_events
  WHERE event_type IN ('conversation.started', 'message.added') AND occurred_at > NOW() - INTERVAL '7 days'
  UNION ALL
  SELECT actor_id, occurred_at, event_id, event_type, aggregate_id FROM agent_task_events
  WHERE event_type <> 'task.log' AND occurred_at > NOW() - INTERVAL '7 days'
  UNION ALL
  SELECT actor_id, occurred_at, event_id, event_type, aggregate_id FROM build_events WHERE occurred_at > NOW() - INTERVAL '7 days'
  UNION ALL
  SELECT actor_id, occurred_at, event_id, event_type, aggregate_id FROM repository_events WHERE occurred_at > NOW() - INTERVAL '7 days';
CREATE INDEX ON recent_activity (user_id, occurred_at DESC, event_id) WITH (limit = 100);
CREATE POLICY own_activity ON recent_activity FOR SELECT USING (user_id = jwt('sub'));
CREATE SINK stale_activity FROM recent_activity WITH (connector = 'log', type = 'invalidate', topic = 'agents.stale_activity', key = 'activity:{user_id}');
