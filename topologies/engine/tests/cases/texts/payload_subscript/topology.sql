CREATE SOURCE post_events WITH (connector = 'log', topic = 'social.post') FORMAT PLAIN ENCODE PROTOBUF (message = 'social.v1.PostEvent', schema.location = 'post.proto');
CREATE TABLE first_tags (post_id BIGINT PRIMARY KEY, tag TEXT, before TEXT);
MERGE INTO first_tags t USING post_events e ON t.post_id = e.aggregate_id
  WHEN NOT MATCHED AND e.event_type = 'post.created' THEN INSERT VALUES (e.aggregate_id, e.created.hashtags[1], e.created.hashtags[-1]);
