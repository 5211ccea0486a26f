-- How much of a conversation a member has not read. Own and deleted messages are never unread; a marker never goes back.
CREATE TABLE read_markers (
  conversation_id TEXT,
  user_id BIGINT,
  up_to_message_id BIGINT NOT NULL,
  read_at TIMESTAMPTZ NOT NULL,
  PRIMARY KEY (conversation_id, user_id)
);

MERGE INTO read_markers r USING conversation_events e
  ON r.conversation_id = e.aggregate_id AND r.user_id = e.message_read.user_id
  WHEN MATCHED AND e.event_type = 'message.read' AND e.message_read.up_to_message_id > r.up_to_message_id THEN UPDATE SET
    up_to_message_id = e.message_read.up_to_message_id, read_at = e.occurred_at
  WHEN NOT MATCHED AND e.event_type = 'message.read' THEN INSERT VALUES
    (e.aggregate_id, e.message_read.user_id, e.message_read.up_to_message_id, e.occurred_at);

CREATE VIEW reading_positions AS
  SELECT c.conversation_id, c.user_id, COALESCE(r.up_to_message_id, 0) AS up_to_message_id
  FROM conversation_members c
  LEFT JOIN read_markers r ON r.conversation_id = c.conversation_id AND r.user_id = c.user_id;

CREATE VIEW present_messages AS SELECT conversation_id, message_id, sender_id FROM messages WHERE NOT deleted;

-- Both counts find the marker's place among the messages in order: moving a marker costs the same however long the conversation is.
CREATE VIEW messages_after_marker AS
  SELECT p.user_id, p.conversation_id, count(*) AS messages
  FROM reading_positions p JOIN present_messages m ON m.conversation_id = p.conversation_id AND m.message_id > p.up_to_message_id
  GROUP BY p.user_id, p.conversation_id;
CREATE VIEW own_messages_after_marker AS
  SELECT p.user_id, p.conversation_id, count(*) AS messages
  FROM reading_positions p
  JOIN present_messages m ON m.conversation_id = p.conversation_id AND m.sender_id = p.user_id AND m.message_id > p.up_to_message_id
  GROUP BY p.user_id, p.conversation_id;

CREATE MATERIALIZED VIEW unread AS
  SELECT a.user_id, a.conversation_id, a.messages - COALESCE(o.messages, 0) AS unread
  FROM messages_after_marker a
  LEFT JOIN own_messages_after_marker o ON o.user_id = a.user_id AND o.conversation_id = a.conversation_id
  WHERE a.messages - COALESCE(o.messages, 0) > 0;
CREATE INDEX ON unread (user_id, conversation_id);
CREATE POLICY own_unread ON unread FOR SELECT USING (user_id = jwt('sub'));

CREATE MATERIALIZED VIEW unread_total AS SELECT user_id, CAST(sum(unread) AS BIGINT) AS unread FROM unread GROUP BY user_id;
CREATE INDEX ON unread_total (user_id);
CREATE POLICY own_unread_total ON unread_total FOR SELECT USING (user_id = jwt('sub'));
