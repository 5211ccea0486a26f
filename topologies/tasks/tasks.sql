-- Tasks as they stand. A delete is final. `priority` is 1 for the most urgent to 4; a task that says none has 3. In `task.updated` a member that is
-- missing leaves its column alone, and one that is null empties it.
CREATE TABLE all_tasks (
  task_id TEXT PRIMARY KEY,
  user_id TEXT,
  title TEXT NOT NULL,
  notes TEXT,
  priority BIGINT NOT NULL,
  tags JSONB,
  due_at TIMESTAMPTZ,
  recurrence TEXT,
  status TEXT NOT NULL,
  created_at TIMESTAMPTZ NOT NULL,
  changed_at TIMESTAMPTZ NOT NULL,
  completed_at TIMESTAMPTZ,
  deleted_at TIMESTAMPTZ
);

MERGE INTO all_tasks t USING task_events e ON t.task_id = e.aggregate_id
  WHEN NOT MATCHED AND e.event_type = 'task.created' THEN INSERT VALUES
    (e.aggregate_id, COALESCE(e.payload ->> 'user_id', e.actor_id), COALESCE(e.payload ->> 'title', ''), e.payload ->> 'notes',
     COALESCE(CAST(e.payload ->> 'priority' AS BIGINT), 3), e.payload -> 'tags', CAST(e.payload ->> 'due_at' AS TIMESTAMPTZ),
     e.payload ->> 'recurrence', 'open', e.occurred_at, e.occurred_at, NULL, NULL)
  WHEN NOT MATCHED AND e.event_type IN ('task.updated', 'task.completed', 'task.reopened', 'task.deleted', 'task.reminder_set') THEN
    RAISE 'there is no such task'
  WHEN MATCHED AND t.status = 'deleted' THEN RAISE 'the task is deleted'
  WHEN MATCHED AND e.event_type = 'task.deleted' THEN UPDATE SET
    title = '', notes = NULL, tags = NULL, status = 'deleted', changed_at = e.occurred_at, deleted_at = e.occurred_at
  WHEN MATCHED AND e.event_type = 'task.updated' THEN UPDATE SET
    title = COALESCE(e.payload ->> 'title', t.title),
    notes = CASE WHEN (e.payload -> 'notes') IS NULL THEN t.notes ELSE e.payload ->> 'notes' END,
    priority = COALESCE(CAST(e.payload ->> 'priority' AS BIGINT), t.priority),
    tags = COALESCE(e.payload -> 'tags', t.tags),
    due_at = CASE WHEN (e.payload -> 'due_at') IS NULL THEN t.due_at ELSE CAST(e.payload ->> 'due_at' AS TIMESTAMPTZ) END,
    recurrence = CASE WHEN (e.payload -> 'recurrence') IS NULL THEN t.recurrence ELSE e.payload ->> 'recurrence' END,
    changed_at = e.occurred_at
  WHEN MATCHED AND e.event_type = 'task.completed' AND t.status = 'open' THEN UPDATE SET
    status = 'done', changed_at = e.occurred_at, completed_at = e.occurred_at
  WHEN MATCHED AND e.event_type = 'task.completed' THEN RAISE 'the task is done already'
  WHEN MATCHED AND e.event_type = 'task.reopened' AND t.status = 'done' THEN UPDATE SET
    status = 'open', changed_at = e.occurred_at, completed_at = NULL
  WHEN MATCHED AND e.event_type = 'task.reopened' THEN RAISE 'the task is open already'
  WHEN MATCHED AND e.event_type = 'task.created' THEN RAISE 'there is such a task already';

CREATE MATERIALIZED VIEW tasks AS
  SELECT user_id, task_id, title, notes, priority, tags, due_at, recurrence, status, created_at, changed_at, completed_at
  FROM all_tasks WHERE status <> 'deleted';
CREATE INDEX ON tasks (user_id, status, due_at, task_id);
CREATE INDEX ON tasks (user_id, status, priority, due_at, task_id);
CREATE INDEX ON tasks (user_id, task_id);
CREATE POLICY own_tasks ON tasks FOR SELECT USING (user_id = jwt('sub'));
CREATE INDEX task_search ON tasks USING FULLTEXT (title, notes) INCLUDE (task_id, status, priority, due_at);

CREATE MATERIALIZED VIEW tasks_by_tag AS
  SELECT DISTINCT t.user_id, g.tag, t.status, t.due_at, t.task_id, t.title, t.priority
  FROM tasks t, LATERAL jsonb_array_elements_text(t.tags) AS g(tag);
CREATE INDEX ON tasks_by_tag (user_id, tag, status, due_at, task_id);
CREATE POLICY own_tagged_tasks ON tasks_by_tag FOR SELECT USING (user_id = jwt('sub'));

-- What a cache must drop: the lists of a user, and the page of a task.
CREATE SINK stale_lists FROM tasks WITH (connector = 'log', type = 'invalidate', topic = 'tasks.stale_list', key = 'tasks:{user_id}');
CREATE SINK stale_tasks FROM tasks WITH (connector = 'log', type = 'invalidate', topic = 'tasks.stale_task', key = 'task:{task_id}');
