-- What people do with posts for everyone, with its weight: a like 1, a comment 2, a share 3.
CREATE VIEW engagement AS
  SELECT post_id, 'like' AS kind, 1 AS weight, liked_at AS engaged_at FROM post_likes
  UNION ALL
  SELECT post_id, 'comment', 2, commented_at FROM post_comments
  UNION ALL
  SELECT post_id, 'share', 3, shared_at FROM post_shares;
