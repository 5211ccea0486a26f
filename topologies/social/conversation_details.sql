-- A conversation as each of its members sees it, also when nobody has written yet.
CREATE VIEW member_lists AS
  SELECT conversation_id, count(*) AS members, array_agg(user_id ORDER BY user_id) AS member_ids
  FROM conversation_members GROUP BY conversation_id;

CREATE MATERIALIZED VIEW conversation_details AS
  SELECT m.user_id, c.conversation_id, c.kind, c.title, c.created_at, l.members, l.member_ids
  FROM conversation_members m
  JOIN conversations c ON c.conversation_id = m.conversation_id
  JOIN member_lists l ON l.conversation_id = m.conversation_id;
CREATE INDEX ON conversation_details (user_id, conversation_id);
CREATE POLICY own_conversation_details ON conversation_details FOR SELECT USING (user_id = jwt('sub'));
