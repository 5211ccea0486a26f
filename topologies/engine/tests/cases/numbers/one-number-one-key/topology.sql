CREATE SOURCE post_events WITH (connector = 'log', topic = 'social.post') FORMAT PLAIN ENCODE PROTOBUF (message = 'social.v1.PostEvent', schema.location = 'post.proto');
CREATE TABLE measured (id BIGINT PRIMARY KEY, value DOUBLE PRECISION, exact NUMERIC);
MERGE INTO measured USING post_events e ON measured.id = e.aggregate_id
  WHEN NOT MATCHED AND e.event_type = 'post.created' THEN
    INSERT VALUES (e.aggregate_id, CAST(e.created.text AS DOUBLE PRECISION), CASE WHEN e.created.text <> 'NaN' THEN CAST(e.created.text AS NUMERIC) END)
  WHEN MATCHED AND e.event_type = 'post.deleted' THEN DELETE;
