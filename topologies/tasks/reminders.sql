-- Reminders, each at its time. One is told if the task was open then; what is done to the task later takes nothing back, so each is in the
-- topic once.
CREATE TABLE reminders (
  task_id TEXT,
  remind_at TIMESTAMPTZ,
  set_at TIMESTAMPTZ NOT NULL,
  PRIMARY KEY (task_id, remind_at)
);
MERGE INTO reminders r USING task_events e ON r.task_id = e.aggregate_id AND r.remind_at = CAST(e.payload ->> 'at' AS TIMESTAMPTZ)
  WHEN NOT MATCHED AND e.event_type = 'task.reminder_set' AND (e.payload ->> 'at') IS NOT NULL THEN INSERT VALUES
    (e.aggregate_id, CAST(e.payload ->> 'at' AS TIMESTAMPTZ), e.occurred_at);

-- The last change before a reminder says whether the task was open.
CREATE VIEW task_turns AS
  SELECT task_id, occurred_at, event_type = 'task.reopened' AS is_open FROM task_history
  WHERE event_type IN ('task.completed', 'task.reopened');
CREATE VIEW last_turns AS
  SELECT r.task_id, r.remind_at, max(c.occurred_at) AS occurred_at
  FROM reminders r JOIN task_turns c ON c.task_id = r.task_id AND c.occurred_at <= r.remind_at GROUP BY r.task_id, r.remind_at;
CREATE VIEW silent_reminders AS
  SELECT l.task_id, l.remind_at FROM last_turns l JOIN task_turns c ON c.task_id = l.task_id AND c.occurred_at = l.occurred_at WHERE NOT c.is_open;

CREATE VIEW audible_reminders AS
  SELECT t.user_id, r.remind_at, r.task_id FROM reminders r JOIN all_tasks t ON t.task_id = r.task_id
  WHERE (t.deleted_at IS NULL OR t.deleted_at > r.remind_at)
    AND NOT EXISTS (SELECT 1 FROM silent_reminders s WHERE s.task_id = r.task_id AND s.remind_at = r.remind_at);

CREATE MATERIALIZED VIEW due_reminders AS SELECT user_id, remind_at, task_id FROM audible_reminders WHERE remind_at <= NOW();
CREATE INDEX ON due_reminders (user_id, remind_at DESC, task_id);
CREATE POLICY own_due_reminders ON due_reminders FOR SELECT USING (user_id = jwt('sub'));
CREATE SINK reminders_due FROM due_reminders WITH (connector = 'log', topic = 'tasks.reminder') FORMAT CHANGELOG ENCODE JSON;

CREATE MATERIALIZED VIEW coming_reminders AS
  SELECT a.user_id, a.remind_at, a.task_id, t.title FROM audible_reminders a JOIN tasks t ON t.task_id = a.task_id WHERE a.remind_at > NOW();
CREATE INDEX ON coming_reminders (user_id, remind_at, task_id);
CREATE POLICY own_coming_reminders ON coming_reminders FOR SELECT USING (user_id = jwt('sub'));
