-- Conversations of a user with the assistant, and the last 100 messages of each.
CREATE TABLE all_agent_conversations (
  conversation_id TEXT PRIMARY KEY,
  user_id TEXT,
  title TEXT,
  started_at TIMESTAMPTZ NOT NULL
);
MERGE INTO all_agent_conversations c USING agent_conversation_events e ON c.conversation_id = e.aggregate_id
  WHEN NOT MATCHED AND e.event_type = 'conversation.started' THEN INSERT VALUES
    (e.aggregate_id, COALESCE(e.payload ->> 'user_id', e.actor_id), e.payload ->> 'title', e.occurred_at);

CREATE TABLE all_agent_messages (
  conversation_id TEXT,
  message_id TEXT,
  role TEXT,
  text TEXT,
  attachment JSONB,
  sent_at TIMESTAMPTZ NOT NULL,
  PRIMARY KEY (conversation_id, message_id)
);
MERGE INTO all_agent_messages m USING agent_conversation_events e ON m.conversation_id = e.aggregate_id AND m.message_id = e.event_id
  WHEN NOT MATCHED AND e.event_type = 'message.added' THEN INSERT VALUES
    (e.aggregate_id, e.event_id, e.payload ->> 'role', e.payload ->> 'text', e.payload -> 'attachment', e.occurred_at);

CREATE VIEW last_agent_messages AS
  SELECT conversation_id, message_id, role, text, attachment, sent_at FROM (
    SELECT conversation_id, message_id, role, text, attachment, sent_at,
      ROW_NUMBER() OVER (PARTITION BY conversation_id ORDER BY sent_at DESC, message_id DESC) AS place
    FROM all_agent_messages
  ) WHERE place <= 100;

CREATE MATERIALIZED VIEW agent_messages AS
  SELECT c.user_id, m.conversation_id, m.sent_at, m.message_id, m.role, m.text, m.attachment
  FROM last_agent_messages m JOIN all_agent_conversations c ON c.conversation_id = m.conversation_id;
CREATE INDEX ON agent_messages (user_id, conversation_id, sent_at DESC, message_id DESC);
CREATE POLICY own_agent_messages ON agent_messages FOR SELECT USING (user_id = jwt('sub'));
CREATE INDEX agent_message_search ON agent_messages USING FULLTEXT (text) INCLUDE (conversation_id, message_id, role, sent_at);
CREATE SINK stale_agent_conversations FROM agent_messages WITH
  (connector = 'log', type = 'invalidate', topic = 'agents.stale_conversation', key = 'conversation:{conversation_id}');

CREATE VIEW agent_message_counts AS
  SELECT conversation_id, count(*) AS messages, max(sent_at) AS last_at FROM all_agent_messages GROUP BY conversation_id;
CREATE MATERIALIZED VIEW agent_conversations AS
  SELECT c.user_id, COALESCE(n.last_at, c.started_at) AS last_at, c.conversation_id, c.title, c.started_at, COALESCE(n.messages, 0) AS messages
  FROM all_agent_conversations c LEFT JOIN agent_message_counts n ON n.conversation_id = c.conversation_id;
CREATE INDEX ON agent_conversations (user_id, last_at DESC, conversation_id);
CREATE POLICY own_agent_conversations ON agent_conversations FOR SELECT USING (user_id = jwt('sub'));
CREATE SINK stale_agent_conversation_lists FROM agent_conversations WITH
  (connector = 'log', type = 'invalidate', topic = 'agents.stale_conversation_list', key = 'conversations:{user_id}');
