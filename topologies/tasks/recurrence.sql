-- A recurring task that is done has a next instance: whoever follows the topic creates it. Reopening takes it back.
CREATE MATERIALIZED VIEW next_instances AS
  SELECT user_id, task_id, recurrence,
    COALESCE(due_at, completed_at) + CASE recurrence
      WHEN 'daily' THEN INTERVAL '1 day' WHEN 'weekly' THEN INTERVAL '7 days' WHEN 'monthly' THEN INTERVAL '1 month' WHEN 'yearly' THEN INTERVAL '1 year' END
      AS next_due_at
  FROM all_tasks WHERE status = 'done' AND recurrence IN ('daily', 'weekly', 'monthly', 'yearly');
CREATE INDEX ON next_instances (user_id, next_due_at, task_id);
CREATE POLICY own_next_instances ON next_instances FOR SELECT USING (user_id = jwt('sub'));
CREATE SINK next_instances_out FROM next_instances WITH (connector = 'log', topic = 'tasks.next_instance', key = 'task_id') FORMAT UPSERT ENCODE JSON;
