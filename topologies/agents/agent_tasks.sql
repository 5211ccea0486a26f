-- What the assistant was asked to do: QUEUED -> RUNNING -> COMPLETED or FAILED. Any other step goes to the dead letters with the state that refused it.
CREATE TABLE all_agent_tasks (
  task_id TEXT PRIMARY KEY,
  user_id TEXT,
  kind TEXT,
  complexity TEXT,
  strategy TEXT,
  state TEXT NOT NULL,
  created_at TIMESTAMPTZ NOT NULL,
  started_at TIMESTAMPTZ,
  finished_at TIMESTAMPTZ,
  duration_ms BIGINT,
  error TEXT
);
MERGE INTO all_agent_tasks t USING agent_task_events e ON t.task_id = e.aggregate_id
  WHEN NOT MATCHED AND e.event_type = 'task.created' THEN INSERT VALUES
    (e.aggregate_id, COALESCE(e.payload ->> 'user_id', e.actor_id), e.payload ->> 'kind', e.payload ->> 'complexity', NULL, 'QUEUED', e.occurred_at,
     NULL, NULL, NULL, NULL)
  WHEN NOT MATCHED AND e.event_type IN ('task.started', 'task.completed', 'task.failed') THEN RAISE 'there is no such task'
  WHEN MATCHED AND e.event_type = 'task.started' AND t.state = 'QUEUED' THEN UPDATE SET
    state = 'RUNNING', strategy = e.payload ->> 'strategy', started_at = e.occurred_at
  WHEN MATCHED AND e.event_type = 'task.completed' AND t.state = 'RUNNING' THEN UPDATE SET
    state = 'COMPLETED', finished_at = e.occurred_at, duration_ms = CAST(e.payload ->> 'duration_ms' AS BIGINT)
  WHEN MATCHED AND e.event_type = 'task.failed' AND t.state IN ('QUEUED', 'RUNNING') THEN UPDATE SET
    state = 'FAILED', finished_at = e.occurred_at, error = e.payload ->> 'error'
  WHEN MATCHED AND e.event_type IN ('task.created', 'task.started', 'task.completed', 'task.failed') THEN RAISE 'the task is ' || t.state;

CREATE MATERIALIZED VIEW agent_tasks AS
  SELECT user_id, created_at, task_id, kind, complexity, strategy, state, started_at, finished_at, duration_ms, error FROM all_agent_tasks;
CREATE INDEX ON agent_tasks (user_id, created_at DESC, task_id);
CREATE INDEX ON agent_tasks (user_id, state, created_at DESC, task_id);
CREATE INDEX ON agent_tasks (state, created_at DESC, task_id);
CREATE POLICY own_agent_tasks ON agent_tasks FOR SELECT USING (user_id = jwt('sub'));
CREATE POLICY dashboard_reads_agent_tasks ON agent_tasks FOR SELECT USING (jwt('service') = 'dashboard');
CREATE SINK stale_agent_tasks FROM agent_tasks WITH (connector = 'log', type = 'invalidate', topic = 'agents.stale_task', key = 'task:{task_id}');

-- What a task that runs has said within the last day. The lines go when it ends: a reader who follows them sees them come and the stream end.
CREATE VIEW recent_log_lines AS
  SELECT aggregate_id AS task_id, event_id, occurred_at AS logged_at, payload ->> 'line' AS line FROM agent_task_events
  WHERE event_type = 'task.log' AND occurred_at > NOW() - INTERVAL '1 day';
CREATE MATERIALIZED VIEW agent_task_logs AS
  SELECT t.user_id, l.task_id, l.logged_at, l.event_id, l.line
  FROM recent_log_lines l JOIN all_agent_tasks t ON t.task_id = l.task_id WHERE t.state = 'RUNNING';
CREATE INDEX ON agent_task_logs (user_id, task_id, logged_at, event_id);
CREATE POLICY own_agent_task_logs ON agent_task_logs FOR SELECT USING (user_id = jwt('sub'));

-- How well each strategy does, by the hour in which its tasks ended. A task that failed before it began has none.
CREATE VIEW finished_agent_tasks AS
  SELECT task_id, user_id, COALESCE(strategy, 'none') AS strategy, state, duration_ms, COALESCE(finished_at, created_at) AS finished_at
  FROM all_agent_tasks WHERE finished_at IS NOT NULL;
CREATE MATERIALIZED VIEW agent_strategy_stats AS
  SELECT strategy, window_start AS hour, count(*) AS tasks, count(*) FILTER (WHERE state = 'COMPLETED') AS succeeded,
    CAST(CAST(count(*) FILTER (WHERE state = 'COMPLETED') AS NUMERIC(20, 4)) / count(*) AS NUMERIC(5, 4)) AS success_rate,
    percentile_cont(0.5) WITHIN GROUP (ORDER BY duration_ms) AS p50_ms, percentile_cont(0.95) WITHIN GROUP (ORDER BY duration_ms) AS p95_ms
  FROM TUMBLE(finished_agent_tasks, finished_at, INTERVAL '1 hour') GROUP BY strategy, window_start;
CREATE INDEX ON agent_strategy_stats (hour DESC, strategy);
CREATE INDEX ON agent_strategy_stats (strategy, hour DESC);
CREATE POLICY dashboard_reads_strategies ON agent_strategy_stats FOR SELECT USING (jwt('service') = 'dashboard');
CREATE SINK stale_strategies FROM agent_strategy_stats WITH (connector = 'log', type = 'invalidate', topic = 'agents.stale_strategy', key = 'strategy:{strategy}');
