-- Everything that was sent for a task, in the order of its times, also what changed nothing.
CREATE TABLE task_history (
  task_id TEXT,
  event_id TEXT,
  event_type TEXT NOT NULL,
  actor_id TEXT,
  occurred_at TIMESTAMPTZ NOT NULL,
  payload JSONB,
  PRIMARY KEY (task_id, event_id)
);
MERGE INTO task_history h USING task_events e ON h.task_id = e.aggregate_id AND h.event_id = e.event_id
  WHEN NOT MATCHED THEN INSERT VALUES (e.aggregate_id, e.event_id, e.event_type, e.actor_id, e.occurred_at, e.payload);

CREATE MATERIALIZED VIEW task_audit AS
  SELECT t.user_id, h.task_id, h.occurred_at, h.event_id, h.event_type, h.actor_id, h.payload
  FROM task_history h JOIN all_tasks t ON t.task_id = h.task_id;
CREATE INDEX ON task_audit (user_id, task_id, occurred_at DESC, event_id);
CREATE POLICY own_audit ON task_audit FOR SELECT USING (user_id = jwt('sub'));
