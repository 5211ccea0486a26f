-- What becomes true as time passes, without an event: a task is overdue from its due time on.
CREATE MATERIALIZED VIEW overdue_tasks AS
  SELECT user_id, due_at, task_id, title, priority FROM tasks WHERE status = 'open' AND due_at <= NOW();
CREATE INDEX ON overdue_tasks (user_id, due_at, task_id);
CREATE POLICY own_overdue_tasks ON overdue_tasks FOR SELECT USING (user_id = jwt('sub'));

CREATE VIEW tasks_due_soon AS
  SELECT user_id, due_at, task_id FROM tasks WHERE status = 'open' AND due_at > NOW() AND due_at <= NOW() + INTERVAL '24 hours';

-- The numbers of the badges; a user without an open task has no row.
CREATE VIEW open_counts AS
  SELECT user_id, count(*) AS open, count(*) FILTER (WHERE priority = 1) AS urgent FROM tasks WHERE status = 'open' GROUP BY user_id;
CREATE VIEW overdue_counts AS SELECT user_id, count(*) AS overdue FROM overdue_tasks GROUP BY user_id;
CREATE VIEW due_soon_counts AS SELECT user_id, count(*) AS due_soon FROM tasks_due_soon GROUP BY user_id;
CREATE MATERIALIZED VIEW task_badges AS
  SELECT o.user_id, o.open, o.urgent, COALESCE(v.overdue, 0) AS overdue, COALESCE(s.due_soon, 0) AS due_soon
  FROM open_counts o LEFT JOIN overdue_counts v ON v.user_id = o.user_id LEFT JOIN due_soon_counts s ON s.user_id = o.user_id;
CREATE INDEX ON task_badges (user_id);
CREATE POLICY own_badges ON task_badges FOR SELECT USING (user_id = jwt('sub'));
CREATE SINK stale_badges FROM task_badges WITH (connector = 'log', type = 'invalidate', topic = 'tasks.stale_badge', key = 'badge:{user_id}');
