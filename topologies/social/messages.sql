-- Messages. A deleted message keeps its place without its text.
CREATE TABLE messages (
  conversation_id TEXT,
  message_id BIGINT,
  sender_id BIGINT NOT NULL,
  body TEXT,
  encrypted BOOLEAN,
  sent_at TIMESTAMPTZ NOT NULL,
  edited_at TIMESTAMPTZ,
  deleted BOOLEAN NOT NULL,
  PRIMARY KEY (conversation_id, message_id)
);

MERGE INTO messages m USING conversation_events e
  ON m.conversation_id = e.aggregate_id
    AND m.message_id = COALESCE(e.message_sent.message_id, e.message_edited.message_id, e.message_deleted.message_id)
  WHEN MATCHED AND e.event_type = 'message.edited' AND NOT m.deleted THEN UPDATE SET
    body = e.message_edited.body, edited_at = e.occurred_at
  WHEN MATCHED AND e.event_type = 'message.deleted' THEN UPDATE SET body = NULL, deleted = TRUE
  WHEN NOT MATCHED AND e.event_type = 'message.sent' THEN INSERT VALUES
    (e.aggregate_id, e.message_sent.message_id, e.message_sent.sender_id, e.message_sent.body, e.message_sent.encrypted, e.occurred_at,
     NULL, FALSE);

-- Each member's copy of a conversation: only members read it.
CREATE MATERIALIZED VIEW conversation_messages AS
  SELECT c.user_id, m.conversation_id, m.message_id, m.sender_id, m.body, m.encrypted, m.sent_at, m.edited_at, m.deleted
  FROM conversation_members c JOIN messages m ON m.conversation_id = c.conversation_id;
CREATE INDEX ON conversation_messages (user_id, conversation_id, message_id DESC);
CREATE POLICY own_messages ON conversation_messages FOR SELECT USING (user_id = jwt('sub'));
