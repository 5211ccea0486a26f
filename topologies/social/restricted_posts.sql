-- Posts that are not for everyone, once for each who may see them: their author, and those for followers also whoever follows him, across
-- no block. Few posts are restricted; a row for each reader is what lets the policy of the view, and of its index, be a comparison.
CREATE VIEW post_readers AS
  SELECT post_id, author_id AS user_id FROM living_posts WHERE visibility <> 'public'
  UNION ALL
  SELECT p.post_id, f.follower_id FROM living_posts p JOIN open_follows f ON f.followee_id = p.author_id WHERE p.visibility = 'followers';

CREATE MATERIALIZED VIEW restricted_posts AS
  SELECT r.user_id, p.created_at, p.post_id, p.author_id, p.text, p.hashtags, p.mentions, p.media_ids, p.video_id, p.reply_to, p.visibility,
    p.updated_at
  FROM post_readers r JOIN living_posts p ON p.post_id = r.post_id WHERE p.visibility <> 'public';
CREATE INDEX ON restricted_posts (user_id, created_at DESC, post_id DESC);
CREATE INDEX ON restricted_posts (user_id, post_id);
CREATE POLICY may_see ON restricted_posts FOR SELECT USING (user_id = jwt('sub'));
