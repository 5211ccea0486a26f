-- Who blocked whom: seen by the one who blocks, obeyed in both directions.
CREATE TABLE all_blocks (
  blocker_id BIGINT,
  blocked_id BIGINT,
  blocked_at TIMESTAMPTZ NOT NULL,
  PRIMARY KEY (blocker_id, blocked_id)
);

MERGE INTO all_blocks b USING user_events e
  ON b.blocker_id = e.aggregate_id AND b.blocked_id = COALESCE(e.blocked.blocked_id, e.unblocked.blocked_id)
  WHEN MATCHED AND e.event_type = 'user.unblocked' THEN DELETE
  WHEN NOT MATCHED AND e.event_type = 'user.blocked' THEN INSERT VALUES (e.aggregate_id, e.blocked.blocked_id, e.occurred_at);

CREATE MATERIALIZED VIEW blocks AS
  SELECT b.blocker_id, b.blocked_id, b.blocked_at FROM all_blocks b
  WHERE NOT EXISTS (SELECT 1 FROM departed d WHERE d.user_id = b.blocker_id)
    AND NOT EXISTS (SELECT 1 FROM departed d WHERE d.user_id = b.blocked_id);
CREATE INDEX ON blocks (blocker_id, blocked_id);
CREATE POLICY own_blocks ON blocks FOR SELECT USING (blocker_id = jwt('sub'));

-- Every pair of users between whom nothing passes, both ways round.
CREATE VIEW walls AS
  SELECT blocker_id AS user_id, blocked_id AS other_id FROM blocks
  UNION
  SELECT blocked_id AS user_id, blocker_id AS other_id FROM blocks;
