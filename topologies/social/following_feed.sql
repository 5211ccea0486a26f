-- The newest posts of the people I follow, those for followers too; nothing passes where one of us has blocked the other.
CREATE VIEW open_follows AS
  SELECT follower_id, followee_id FROM follows
  WHERE NOT EXISTS (SELECT 1 FROM walls w WHERE w.user_id = follows.follower_id AND w.other_id = follows.followee_id);

CREATE MATERIALIZED VIEW following_feed AS
  SELECT f.follower_id AS user_id, p.created_at, p.post_id, p.author_id FROM open_follows f JOIN living_posts p ON p.author_id = f.followee_id
  WHERE p.visibility <> 'private';
CREATE INDEX ON following_feed (user_id, created_at DESC, post_id DESC) WITH (limit = 600);
CREATE POLICY own_feed ON following_feed FOR SELECT USING (user_id = jwt('sub'));
