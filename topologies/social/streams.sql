-- Live streams, who watches them, and their chat.
CREATE TABLE all_streams (
  stream_id BIGINT PRIMARY KEY,
  owner_id BIGINT NOT NULL,
  title TEXT NOT NULL,
  status TEXT NOT NULL,
  scheduled_at TIMESTAMPTZ NOT NULL,
  starts_at TIMESTAMPTZ,
  started_at TIMESTAMPTZ,
  ended_at TIMESTAMPTZ
);

-- A stream runs once: what ended does not start again.
MERGE INTO all_streams s USING stream_events e ON s.stream_id = e.aggregate_id
  WHEN MATCHED AND e.event_type = 'stream.started' AND s.status = 'scheduled' THEN UPDATE SET
    status = 'live', started_at = e.occurred_at
  WHEN MATCHED AND e.event_type = 'stream.ended' AND s.status <> 'ended' THEN UPDATE SET
    status = 'ended', ended_at = e.occurred_at
  WHEN NOT MATCHED AND e.event_type = 'stream.scheduled' THEN INSERT VALUES
    (e.aggregate_id, e.scheduled.owner_id, e.scheduled.title, 'scheduled', e.occurred_at, e.scheduled.starts_at, NULL, NULL);

-- Those of users who are there.
CREATE VIEW streams AS
  SELECT s.stream_id, s.owner_id, s.title, s.status, s.scheduled_at, s.starts_at, s.started_at, s.ended_at FROM all_streams s
  WHERE NOT EXISTS (SELECT 1 FROM departed d WHERE d.user_id = s.owner_id);

-- The visits of a viewer to a stream. Who comes twice without leaving is there once. From the hundredth visit on, coming back
-- undoes the last leaving, so that a viewer who comes and goes costs no more than that.
CREATE TABLE stream_visits (
  stream_id BIGINT,
  user_id BIGINT,
  present BOOLEAN NOT NULL,
  joined_at TIMESTAMPTZ[],
  left_at TIMESTAMPTZ[],
  PRIMARY KEY (stream_id, user_id)
);

MERGE INTO stream_visits v USING stream_events e
  ON v.stream_id = e.aggregate_id AND v.user_id = COALESCE(e.viewer_joined.user_id, e.viewer_left.user_id)
  WHEN MATCHED AND e.event_type = 'stream.viewer_left' AND v.present THEN UPDATE SET
    present = FALSE, left_at = array_append(v.left_at, e.occurred_at)
  WHEN MATCHED AND e.event_type = 'stream.viewer_joined' AND NOT v.present AND cardinality(v.joined_at) < 100 THEN UPDATE SET
    present = TRUE, joined_at = array_append(v.joined_at, e.occurred_at)
  WHEN MATCHED AND e.event_type = 'stream.viewer_joined' AND NOT v.present THEN UPDATE SET
    present = TRUE, left_at = array_pop_back(v.left_at)
  WHEN NOT MATCHED AND e.event_type = 'stream.viewer_joined' THEN INSERT VALUES
    (e.aggregate_id, e.viewer_joined.user_id, TRUE, make_array(e.occurred_at), NULL);

CREATE VIEW present_viewers AS
  SELECT v.stream_id, v.user_id, array_max(v.joined_at) AS joined_at FROM stream_visits v
  WHERE v.present AND NOT EXISTS (SELECT 1 FROM departed d WHERE d.user_id = v.user_id);
CREATE VIEW viewer_counts AS SELECT stream_id, count(*) AS viewers FROM present_viewers GROUP BY stream_id;

CREATE MATERIALIZED VIEW live_streams AS
  SELECT s.stream_id, s.owner_id, s.title, s.status, s.scheduled_at, s.starts_at, s.started_at, s.ended_at,
    CASE WHEN s.status = 'live' THEN COALESCE(c.viewers, 0) ELSE 0 END AS viewers
  FROM streams s LEFT JOIN viewer_counts c ON c.stream_id = s.stream_id;
CREATE INDEX ON live_streams (stream_id);
CREATE INDEX ON live_streams (owner_id, scheduled_at DESC, stream_id DESC);
GRANT SELECT ON live_streams TO PUBLIC;

-- What is on, the most watched first.
CREATE MATERIALIZED VIEW active_streams AS
  SELECT stream_id, owner_id, title, started_at, viewers FROM live_streams WHERE status = 'live';
CREATE INDEX ON active_streams (viewers DESC, stream_id DESC);
GRANT SELECT ON active_streams TO PUBLIC;

-- Who watches right now: for the eyes of him who streams.
CREATE MATERIALIZED VIEW stream_viewers AS
  SELECT s.owner_id, s.stream_id, v.user_id, v.joined_at
  FROM streams s JOIN present_viewers v ON v.stream_id = s.stream_id WHERE s.status = 'live';
CREATE INDEX ON stream_viewers (owner_id, stream_id, joined_at DESC, user_id);
CREATE POLICY own_viewers ON stream_viewers FOR SELECT USING (owner_id = jwt('sub'));

CREATE TABLE all_chat_messages (
  stream_id BIGINT,
  message_id BIGINT,
  user_id BIGINT NOT NULL,
  body TEXT NOT NULL,
  sent_at TIMESTAMPTZ NOT NULL,
  PRIMARY KEY (stream_id, message_id)
);

MERGE INTO all_chat_messages c USING stream_events e ON c.stream_id = e.aggregate_id AND c.message_id = e.chat_sent.message_id
  WHEN NOT MATCHED AND e.event_type = 'stream.chat_sent' THEN INSERT VALUES
    (e.aggregate_id, e.chat_sent.message_id, e.chat_sent.user_id, e.chat_sent.body, e.occurred_at);

-- What users who are there wrote, in streams of users who are there.
CREATE VIEW departed_streams AS SELECT s.stream_id FROM all_streams s JOIN departed d ON d.user_id = s.owner_id;
CREATE MATERIALIZED VIEW chat_messages AS
  SELECT c.stream_id, c.message_id, c.user_id, c.body, c.sent_at FROM all_chat_messages c
  WHERE NOT EXISTS (SELECT 1 FROM departed d WHERE d.user_id = c.user_id)
    AND NOT EXISTS (SELECT 1 FROM departed_streams s WHERE s.stream_id = c.stream_id);
CREATE INDEX ON chat_messages (stream_id, message_id DESC);
GRANT SELECT ON chat_messages TO PUBLIC;
