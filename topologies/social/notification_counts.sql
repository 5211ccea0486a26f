-- Whom others give a reason to be told: who, by whom, of what kind, about what (a post, a conversation, or the day of a follow), how
-- often and when last. What is taken back takes its reason away. Messages and comments are counted before they reach their readers.
CREATE VIEW comments_by_author AS
  SELECT post_id, author_id, count(*) AS comments, max(commented_at) AS last_at FROM comments GROUP BY post_id, author_id;
CREATE VIEW messages_by_sender AS
  SELECT conversation_id, sender_id, count(*) AS messages, max(sent_at) AS last_at FROM messages m
  WHERE NOT deleted AND NOT EXISTS (SELECT 1 FROM departed d WHERE d.user_id = m.sender_id)
  GROUP BY conversation_id, sender_id;
-- Who may not see a post is not told of it.
CREATE VIEW all_mentions AS SELECT DISTINCT post_id, author_id, created_at, mentioned_id
  FROM (
    SELECT post_id, author_id, created_at, unnest(mentions) AS mentioned_id FROM posts
    UNION ALL
    SELECT post_id, author_id, created_at, user_id FROM restricted_posts WHERE array_has(mentions, user_id)
  );
CREATE VIEW post_mentions AS SELECT m.post_id, m.author_id, m.created_at, m.mentioned_id
  FROM all_mentions m WHERE NOT EXISTS (SELECT 1 FROM departed d WHERE d.user_id = m.mentioned_id);

CREATE VIEW notification_causes AS
  SELECT followee_id AS user_id, follower_id AS actor_id, 'follow' AS kind, to_char(followed_at, '%Y-%m-%d') AS subject, 1 AS times,
    followed_at AS last_at
  FROM follows
  UNION ALL
  SELECT p.author_id, l.user_id, 'like', CAST(l.post_id AS TEXT), 1, l.liked_at FROM likes l JOIN living_posts p ON p.post_id = l.post_id
  UNION ALL
  SELECT p.author_id, c.author_id, 'comment', CAST(c.post_id AS TEXT), c.comments, c.last_at
  FROM comments_by_author c JOIN living_posts p ON p.post_id = c.post_id
  UNION ALL
  SELECT mentioned_id, author_id, 'mention', CAST(post_id AS TEXT), 1, created_at FROM post_mentions
  UNION ALL
  SELECT c.user_id, m.sender_id, 'message', m.conversation_id, m.messages, m.last_at
  FROM messages_by_sender m JOIN conversation_members c ON c.conversation_id = m.conversation_id;

-- Nobody is told of what he does himself, nor across a block.
CREATE VIEW notification_reasons AS
  SELECT n.user_id, n.actor_id, n.kind, n.subject, n.times, n.last_at FROM notification_causes n
  WHERE n.user_id <> n.actor_id
    AND NOT EXISTS (SELECT 1 FROM walls w WHERE w.user_id = n.user_id AND w.other_id = n.actor_id);

-- How much of each kind there is for a user, as things stand, whether he wants to be told or not. Mentions are not counted here.
CREATE MATERIALIZED VIEW notification_counts AS
  SELECT user_id, kind, CAST(sum(times) AS BIGINT) AS n FROM notification_reasons WHERE kind <> 'mention' GROUP BY user_id, kind;
CREATE INDEX ON notification_counts (user_id, kind);
CREATE POLICY own_notification_counts ON notification_counts FOR SELECT USING (user_id = jwt('sub'));
