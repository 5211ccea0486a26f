CREATE SOURCE post_events WITH (connector = 'log', topic = 'social.post') FORMAT PLAIN ENCODE PROTOBUF (message = 'social.v1.PostEvent', schema.location = 'post.proto');
CREATE SOURCE user_events WITH (connector = 'log', topic = 'social.user') FORMAT PLAIN ENCODE PROTOBUF (message = 'social.v1.UserEvent', schema.location = 'user.proto');
CREATE TABLE posts (
  post_id BIGINT PRIMARY KEY, author_id BIGINT NOT NULL, text TEXT NOT NULL, hashtags TEXT[], reply_to BIGINT, created_at TIMESTAMPTZ NOT NULL);
MERGE INTO posts USING post_events e ON posts.post_id = e.aggregate_id
  WHEN NOT MATCHED AND e.event_type = 'post.created' THEN INSERT VALUES
    (e.aggregate_id, e.created.author_id, e.created.text, e.created.hashtags, e.created.reply_to, e.occurred_at);
CREATE TABLE likes (post_id BIGINT, user_id BIGINT, liked_at TIMESTAMPTZ NOT NULL, PRIMARY KEY (post_id, user_id));
CREATE VIEW recent_posts AS SELECT post_id, author_id FROM posts;
CREATE MATERIALIZED VIEW like_counts AS SELECT post_id, count(*) AS likes FROM likes GROUP BY post_id;
