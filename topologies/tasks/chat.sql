-- Conversations with the assistant that helps with the tasks.
CREATE TABLE chat_lines (
  session_id TEXT,
  event_id TEXT,
  user_id TEXT,
  role TEXT,
  text TEXT,
  said_at TIMESTAMPTZ NOT NULL,
  PRIMARY KEY (session_id, event_id)
);
MERGE INTO chat_lines l USING chat_events e ON l.session_id = e.aggregate_id AND l.event_id = e.event_id
  WHEN NOT MATCHED AND e.event_type = 'chat.message' THEN INSERT VALUES
    (e.aggregate_id, e.event_id, COALESCE(e.payload ->> 'user_id', e.actor_id), e.payload ->> 'role', e.payload ->> 'text', e.occurred_at);

CREATE MATERIALIZED VIEW chat_session_lines AS
  SELECT user_id, session_id, said_at, event_id, role, text FROM chat_lines;
CREATE INDEX ON chat_session_lines (user_id, session_id, said_at DESC, event_id);
CREATE POLICY own_chat ON chat_session_lines FOR SELECT USING (user_id = jwt('sub'));
CREATE INDEX chat_search ON chat_session_lines USING FULLTEXT (text) INCLUDE (session_id, said_at, role);

CREATE MATERIALIZED VIEW chat_sessions AS
  SELECT user_id, max(said_at) AS last_at, session_id, count(*) AS lines FROM chat_lines GROUP BY user_id, session_id;
CREATE INDEX ON chat_sessions (user_id, last_at DESC, session_id);
CREATE POLICY own_chat_sessions ON chat_sessions FOR SELECT USING (user_id = jwt('sub'));
