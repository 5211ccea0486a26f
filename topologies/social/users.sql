-- Who is there, and who has left. The email address stays inside: no grant on the table. A delete is final: what is left of a user is
-- his id, which is never used again, and takes whatever he did out of every view.
CREATE TABLE all_users (
  user_id BIGINT PRIMARY KEY,
  username TEXT NOT NULL,
  email TEXT NOT NULL,
  display_name TEXT NOT NULL,
  bio TEXT,
  registered_at TIMESTAMPTZ NOT NULL,
  departed_at TIMESTAMPTZ
);

-- An update of who has left changes what nobody sees; to ask for that here would send every follow through this table. Who left before
-- his registration arrived has left all the same.
MERGE INTO all_users u USING user_events e ON u.user_id = e.aggregate_id
  WHEN MATCHED AND e.event_type = 'user.deleted' THEN UPDATE SET
    username = '', email = '', display_name = '', bio = NULL, departed_at = e.occurred_at
  WHEN MATCHED AND e.event_type = 'user.profile_updated' THEN UPDATE SET
    username = COALESCE(e.profile_updated.username, u.username),
    email = COALESCE(e.profile_updated.email, u.email),
    display_name = COALESCE(e.profile_updated.display_name, u.display_name),
    bio = COALESCE(e.profile_updated.bio, u.bio)
  WHEN NOT MATCHED AND e.event_type = 'user.deleted' THEN INSERT VALUES
    (e.aggregate_id, '', '', '', NULL, e.occurred_at, e.occurred_at)
  WHEN NOT MATCHED AND e.event_type = 'user.registered' THEN INSERT VALUES
    (e.aggregate_id, e.registered.username, e.registered.email, e.registered.display_name, e.registered.bio, e.occurred_at, NULL);

CREATE VIEW users AS
  SELECT user_id, username, email, display_name, bio, registered_at FROM all_users WHERE departed_at IS NULL;

-- Few, so that whatever is asked whether its author has left costs no more than its own place in an arrangement by author.
CREATE VIEW departed AS SELECT user_id, departed_at FROM all_users WHERE departed_at IS NOT NULL;

CREATE MATERIALIZED VIEW profiles AS SELECT user_id, username, display_name, bio, registered_at FROM users;
CREATE INDEX ON profiles (user_id);
GRANT SELECT ON profiles TO PUBLIC;
