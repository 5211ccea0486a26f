-- Who is there and who types. Both expire by themselves: a client says `user.connected` every minute, and `user.typing` every few seconds.
CREATE VIEW presence_steps AS
  SELECT event_type, aggregate_id AS conversation_id, COALESCE(payload ->> 'user_id', actor_id) AS user_id, occurred_at FROM agent_conversation_events
  WHERE event_type IN ('user.connected', 'user.disconnected', 'user.typing')
    OR (event_type = 'message.added' AND COALESCE(payload ->> 'role', 'user') = 'user');

CREATE TABLE agent_presence (
  user_id TEXT PRIMARY KEY,
  is_connected BOOLEAN NOT NULL,
  seen_at TIMESTAMPTZ NOT NULL
);
MERGE INTO agent_presence p USING presence_steps s ON p.user_id = s.user_id
  WHEN MATCHED AND s.occurred_at >= p.seen_at THEN UPDATE SET is_connected = s.event_type <> 'user.disconnected', seen_at = s.occurred_at
  WHEN NOT MATCHED AND s.user_id IS NOT NULL THEN INSERT VALUES (s.user_id, s.event_type <> 'user.disconnected', s.occurred_at);

CREATE MATERIALIZED VIEW online_users AS
  SELECT user_id, seen_at FROM agent_presence WHERE is_connected AND seen_at > NOW() - INTERVAL '2 minutes';
CREATE INDEX ON online_users (user_id);
CREATE INDEX ON online_users (seen_at DESC, user_id);
CREATE POLICY own_presence ON online_users FOR SELECT USING (user_id = jwt('sub'));
CREATE POLICY dashboard_reads_presence ON online_users FOR SELECT USING (jwt('service') = 'dashboard');

CREATE TABLE agent_typing (
  conversation_id TEXT,
  user_id TEXT,
  typed_at TIMESTAMPTZ NOT NULL,
  PRIMARY KEY (conversation_id, user_id)
);
MERGE INTO agent_typing t USING presence_steps s ON t.conversation_id = s.conversation_id AND t.user_id = s.user_id
  WHEN MATCHED AND s.event_type IN ('message.added', 'user.disconnected') THEN DELETE
  WHEN MATCHED AND s.event_type = 'user.typing' THEN UPDATE SET typed_at = s.occurred_at
  WHEN NOT MATCHED AND s.event_type = 'user.typing' AND s.user_id IS NOT NULL THEN INSERT VALUES (s.conversation_id, s.user_id, s.occurred_at);

CREATE MATERIALIZED VIEW typing_users AS
  SELECT t.conversation_id, t.user_id, t.typed_at, c.user_id AS owner_id
  FROM agent_typing t JOIN all_agent_conversations c ON c.conversation_id = t.conversation_id WHERE t.typed_at > NOW() - INTERVAL '10 seconds';
CREATE INDEX ON typing_users (conversation_id, user_id);
CREATE POLICY own_conversations_typing ON typing_users FOR SELECT USING (owner_id = jwt('sub'));
CREATE POLICY dashboard_reads_typing ON typing_users FOR SELECT USING (jwt('service') = 'dashboard');
