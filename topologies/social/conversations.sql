-- Conversations and who is in them. Who has left the network has left them; what he wrote stays with those he wrote to.
CREATE TABLE conversations (
  conversation_id TEXT PRIMARY KEY,
  kind TEXT,
  title TEXT,
  members BIGINT[],
  created_at TIMESTAMPTZ NOT NULL
);

MERGE INTO conversations c USING conversation_events e ON c.conversation_id = e.aggregate_id
  WHEN NOT MATCHED AND e.event_type = 'conversation.created' THEN INSERT VALUES
    (e.aggregate_id, e.created.kind, e.created.title, e.created.members, e.occurred_at);

-- Who joined or left since it was created: the last word counts.
CREATE TABLE membership_changes (
  conversation_id TEXT,
  user_id BIGINT,
  present BOOLEAN NOT NULL,
  PRIMARY KEY (conversation_id, user_id)
);

MERGE INTO membership_changes m USING conversation_events e
  ON m.conversation_id = e.aggregate_id AND m.user_id = COALESCE(e.member_joined.user_id, e.member_left.user_id)
  WHEN MATCHED AND e.event_type IN ('conversation.member_joined', 'conversation.member_left') THEN UPDATE SET
    present = e.event_type = 'conversation.member_joined'
  WHEN NOT MATCHED AND e.event_type IN ('conversation.member_joined', 'conversation.member_left') THEN INSERT VALUES
    (e.aggregate_id, COALESCE(e.member_joined.user_id, e.member_left.user_id), e.event_type = 'conversation.member_joined');

CREATE VIEW all_members AS
  SELECT o.conversation_id, o.user_id FROM (SELECT conversation_id, unnest(members) AS user_id FROM conversations) o
  WHERE NOT EXISTS (SELECT 1 FROM membership_changes m WHERE m.conversation_id = o.conversation_id AND m.user_id = o.user_id)
  UNION
  SELECT conversation_id, user_id FROM membership_changes WHERE present;
CREATE MATERIALIZED VIEW conversation_members AS
  SELECT m.conversation_id, m.user_id FROM all_members m WHERE NOT EXISTS (SELECT 1 FROM departed d WHERE d.user_id = m.user_id);
CREATE INDEX ON conversation_members (user_id, conversation_id);
CREATE POLICY own_memberships ON conversation_members FOR SELECT USING (user_id = jwt('sub'));
