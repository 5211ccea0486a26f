-- My conversations, the one with the latest message first, with a preview and what is unread.
CREATE MATERIALIZED VIEW conversation_summaries AS
  SELECT conversation_id, max(message_id) AS last_message_id, count(*) AS messages, max(sent_at) AS last_message_at
  FROM messages GROUP BY conversation_id;
CREATE INDEX ON conversation_summaries (conversation_id);

CREATE MATERIALIZED VIEW conversation_list AS
  SELECT c.user_id, s.last_message_at, c.conversation_id, s.last_message_id, s.messages, m.sender_id AS last_sender_id, m.body AS preview,
    COALESCE(u.unread, 0) AS unread
  FROM conversation_members c
  JOIN conversation_summaries s ON s.conversation_id = c.conversation_id
  JOIN messages m ON m.conversation_id = s.conversation_id AND m.message_id = s.last_message_id
  LEFT JOIN unread u ON u.user_id = c.user_id AND u.conversation_id = c.conversation_id;
CREATE INDEX ON conversation_list (user_id, last_message_at DESC, conversation_id);
CREATE POLICY own_conversations ON conversation_list FOR SELECT USING (user_id = jwt('sub'));
