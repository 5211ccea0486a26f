-- A conversation with its members, also when nobody has written yet. There is one row for all of them, with the list in it once: a row for
-- each member would repeat the list as often as it is long.
CREATE MATERIALIZED VIEW conversation_details AS
  SELECT c.conversation_id, c.kind, c.title, c.created_at, l.members, l.member_ids
  FROM conversations c
  JOIN (
    SELECT conversation_id, count(*) AS members, array_agg(user_id ORDER BY user_id) AS member_ids
    FROM conversation_members GROUP BY conversation_id
  ) l ON l.conversation_id = c.conversation_id;
CREATE INDEX ON conversation_details (conversation_id);
CREATE POLICY members_see_it ON conversation_details FOR SELECT USING (jwt('sub') = ANY (member_ids));
