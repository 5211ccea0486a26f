-- Who a user is to the network itself: his email address, what he may do, where he is signed in. He sees his own; the service
-- that signs users in carries a token with the claim service = 'auth' and sees all. A user who is gone has nothing of this.
CREATE MATERIALIZED VIEW accounts AS SELECT user_id, username, lower(email) AS email, registered_at FROM users;
CREATE INDEX ON accounts (user_id);
CREATE INDEX ON accounts (email, user_id);
CREATE POLICY own_account ON accounts FOR SELECT USING (user_id = jwt('sub'));
CREATE POLICY auth_reads_accounts ON accounts FOR SELECT USING (jwt('service') = 'auth');

CREATE TABLE granted_permissions (
  user_id BIGINT,
  permission TEXT,
  granted_by BIGINT NOT NULL,
  granted_at TIMESTAMPTZ NOT NULL,
  PRIMARY KEY (user_id, permission)
);

MERGE INTO granted_permissions p USING account_events e
  ON p.user_id = e.aggregate_id AND p.permission = COALESCE(e.permission_granted.permission, e.permission_revoked.permission)
  WHEN MATCHED AND e.event_type = 'account.permission_revoked' THEN DELETE
  WHEN NOT MATCHED AND e.event_type = 'account.permission_granted' THEN INSERT VALUES
    (e.aggregate_id, e.permission_granted.permission, e.permission_granted.granted_by, e.occurred_at);

CREATE MATERIALIZED VIEW permissions AS
  SELECT p.user_id, p.permission, p.granted_by, p.granted_at FROM granted_permissions p JOIN users u ON u.user_id = p.user_id;
CREATE INDEX ON permissions (user_id, permission);
CREATE POLICY own_permissions ON permissions FOR SELECT USING (user_id = jwt('sub'));
CREATE POLICY auth_reads_permissions ON permissions FOR SELECT USING (jwt('service') = 'auth');

-- Sessions that say no id are all one: the last one that began.
CREATE TABLE started_sessions (
  user_id BIGINT,
  session_id BIGINT,
  device TEXT NOT NULL,
  started_at TIMESTAMPTZ NOT NULL,
  PRIMARY KEY (user_id, session_id)
);

MERGE INTO started_sessions s USING account_events e
  ON s.user_id = e.aggregate_id AND s.session_id = COALESCE(e.session_started.session_id, e.session_revoked.session_id, 0)
  WHEN MATCHED AND e.event_type = 'account.session_revoked' THEN DELETE
  WHEN MATCHED AND e.event_type = 'account.session_started' THEN UPDATE SET
    device = e.session_started.device, started_at = e.occurred_at
  WHEN NOT MATCHED AND e.event_type = 'account.session_started' THEN INSERT VALUES
    (e.aggregate_id, COALESCE(e.session_started.session_id, 0), e.session_started.device, e.occurred_at);

CREATE MATERIALIZED VIEW sessions AS
  SELECT s.user_id, s.started_at, s.session_id, s.device FROM started_sessions s JOIN users u ON u.user_id = s.user_id;
CREATE INDEX ON sessions (user_id, started_at DESC, session_id DESC);
CREATE POLICY own_sessions ON sessions FOR SELECT USING (user_id = jwt('sub'));
CREATE POLICY auth_reads_sessions ON sessions FOR SELECT USING (jwt('service') = 'auth');
