-- Notifications, grouped: "A, B, C and 3 others like your post". A group is one kind about one subject: the post of a like, a
-- comment or a mention, the conversation of a message, the day (UTC) of a follow. Nothing is there that is switched off for the
-- channel 'in_app'.
CREATE VIEW wanted_notifications AS
  SELECT r.user_id, r.actor_id, r.kind, r.subject, r.times, r.last_at FROM notification_reasons r
  WHERE NOT EXISTS (
    SELECT 1 FROM notification_preferences p
    WHERE p.user_id = r.user_id AND p.kind = r.kind AND p.channel = 'in_app' AND NOT p.enabled);

CREATE VIEW notification_groups AS
  SELECT user_id, kind, subject, count(*) AS actors, CAST(sum(times) AS BIGINT) AS times, max(last_at) AS latest_at
  FROM wanted_notifications GROUP BY user_id, kind, subject;

-- The actors to name: the three latest, those of the same instant by id.
CREATE VIEW notification_actors AS
  SELECT user_id, kind, subject, array_agg(actor_id ORDER BY last_at DESC, actor_id) AS actor_ids FROM (
    SELECT user_id, kind, subject, actor_id, last_at,
      ROW_NUMBER() OVER (PARTITION BY user_id, kind, subject ORDER BY last_at DESC, actor_id) AS place
    FROM wanted_notifications
  ) WHERE place <= 3
  GROUP BY user_id, kind, subject;

CREATE MATERIALIZED VIEW notifications AS
  SELECT g.user_id, g.latest_at, g.kind, g.subject, a.actor_ids, g.actors - cardinality(a.actor_ids) AS others, g.times
  FROM notification_groups g
  JOIN notification_actors a ON a.user_id = g.user_id AND a.kind = g.kind AND a.subject = g.subject;
CREATE INDEX ON notifications (user_id, latest_at DESC, kind, subject) WITH (limit = 500);
CREATE POLICY own_notifications ON notifications FOR SELECT USING (user_id = jwt('sub'));

-- Up to when a user has read; a marker never goes back.
CREATE TABLE all_notification_markers (
  user_id BIGINT PRIMARY KEY,
  read_up_to TIMESTAMPTZ NOT NULL
);

MERGE INTO all_notification_markers m USING notification_events e ON m.user_id = e.aggregate_id
  WHEN MATCHED AND e.event_type = 'notification.read' AND e.read.up_to > m.read_up_to THEN UPDATE SET read_up_to = e.read.up_to
  WHEN NOT MATCHED AND e.event_type = 'notification.read' THEN INSERT VALUES (e.aggregate_id, e.read.up_to);

CREATE MATERIALIZED VIEW notification_markers AS
  SELECT m.user_id, m.read_up_to FROM all_notification_markers m
  WHERE NOT EXISTS (SELECT 1 FROM departed d WHERE d.user_id = m.user_id);
CREATE INDEX ON notification_markers (user_id);
CREATE POLICY own_notification_marker ON notification_markers FOR SELECT USING (user_id = jwt('sub'));

-- The badge: groups with something after the marker. Whoever has read nothing yet has a marker before all time. Like that of
-- messages, the count finds the marker's place among the groups in order.
CREATE VIEW notification_positions AS
  SELECT u.user_id, COALESCE(m.read_up_to, TIMESTAMPTZ '1970-01-01T00:00:00Z') AS read_up_to
  FROM (SELECT DISTINCT user_id FROM notification_groups) u LEFT JOIN notification_markers m ON m.user_id = u.user_id;

CREATE MATERIALIZED VIEW notification_badges AS
  SELECT p.user_id, count(*) AS unread
  FROM notification_positions p JOIN notification_groups g ON g.user_id = p.user_id AND g.latest_at > p.read_up_to
  GROUP BY p.user_id;
CREATE INDEX ON notification_badges (user_id);
CREATE POLICY own_notification_badge ON notification_badges FOR SELECT USING (user_id = jwt('sub'));
