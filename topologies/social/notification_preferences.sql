-- What a user wants to be told, and where. A kind is on for a channel until it is switched off; the list of notifications is the
-- channel 'in_app', the others are for those who send.
CREATE TABLE all_notification_preferences (
  user_id BIGINT,
  kind TEXT,
  channel TEXT,
  enabled BOOLEAN NOT NULL,
  changed_at TIMESTAMPTZ NOT NULL,
  PRIMARY KEY (user_id, kind, channel)
);

MERGE INTO all_notification_preferences p USING notification_events e
  ON p.user_id = e.aggregate_id AND p.kind = e.preference_changed.kind AND p.channel = e.preference_changed.channel
  WHEN MATCHED AND e.event_type = 'notification.preference_changed' THEN UPDATE SET
    enabled = e.preference_changed.enabled, changed_at = e.occurred_at
  WHEN NOT MATCHED AND e.event_type = 'notification.preference_changed' THEN INSERT VALUES
    (e.aggregate_id, e.preference_changed.kind, e.preference_changed.channel, e.preference_changed.enabled, e.occurred_at);

CREATE MATERIALIZED VIEW notification_preferences AS
  SELECT n.user_id, n.kind, n.channel, n.enabled, n.changed_at FROM all_notification_preferences n
  WHERE NOT EXISTS (SELECT 1 FROM departed d WHERE d.user_id = n.user_id);
CREATE INDEX ON notification_preferences (user_id, kind, channel);
CREATE POLICY own_preferences ON notification_preferences FOR SELECT USING (user_id = jwt('sub'));

-- The devices to push to.
CREATE TABLE all_notification_devices (
  user_id BIGINT,
  device TEXT,
  platform TEXT,
  registered_at TIMESTAMPTZ NOT NULL,
  PRIMARY KEY (user_id, device)
);

MERGE INTO all_notification_devices d USING notification_events e ON d.user_id = e.aggregate_id AND d.device = e.device_registered.device
  WHEN MATCHED AND e.event_type = 'notification.device_registered' THEN UPDATE SET
    platform = e.device_registered.platform, registered_at = e.occurred_at
  WHEN NOT MATCHED AND e.event_type = 'notification.device_registered' THEN INSERT VALUES
    (e.aggregate_id, e.device_registered.device, e.device_registered.platform, e.occurred_at);

CREATE MATERIALIZED VIEW notification_devices AS
  SELECT n.user_id, n.device, n.platform, n.registered_at FROM all_notification_devices n
  WHERE NOT EXISTS (SELECT 1 FROM departed d WHERE d.user_id = n.user_id);
CREATE INDEX ON notification_devices (user_id, registered_at DESC, device);
CREATE POLICY own_devices ON notification_devices FOR SELECT USING (user_id = jwt('sub'));
