-- How many notifications of each kind a user has, as things stand: what is taken back takes its notification away.
CREATE VIEW notification_causes AS
  SELECT followee_id AS user_id, follower_id AS other_id, 'follow' AS kind FROM follows
  UNION ALL
  SELECT p.author_id, l.user_id, 'like' FROM likes l JOIN posts p ON p.post_id = l.post_id
  UNION ALL
  SELECT p.author_id, c.author_id, 'comment' FROM comments c JOIN posts p ON p.post_id = c.post_id
  UNION ALL
  SELECT c.user_id, m.sender_id, 'message' FROM messages m JOIN conversation_members c ON c.conversation_id = m.conversation_id
  WHERE NOT m.deleted;

CREATE MATERIALIZED VIEW notification_counts AS
  SELECT n.user_id, n.kind, count(*) AS n FROM notification_causes n
  WHERE n.user_id <> n.other_id
    AND NOT EXISTS (SELECT 1 FROM walls w WHERE w.user_id = n.user_id AND w.other_id = n.other_id)
  GROUP BY n.user_id, n.kind;
CREATE INDEX ON notification_counts (user_id, kind);
CREATE POLICY own_notification_counts ON notification_counts FOR SELECT USING (user_id = jwt('sub'));
