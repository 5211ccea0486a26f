-- Who is there. The email address stays inside: no grant on the table.
CREATE TABLE users (
  user_id BIGINT PRIMARY KEY,
  username TEXT NOT NULL,
  email TEXT NOT NULL,
  display_name TEXT NOT NULL,
  bio TEXT,
  registered_at TIMESTAMPTZ NOT NULL
);

MERGE INTO users USING user_events e ON users.user_id = e.aggregate_id
  WHEN MATCHED AND e.event_type = 'user.deleted' THEN DELETE
  WHEN MATCHED AND e.event_type = 'user.profile_updated' THEN UPDATE SET
    username = COALESCE(e.profile_updated.username, users.username),
    email = COALESCE(e.profile_updated.email, users.email),
    display_name = COALESCE(e.profile_updated.display_name, users.display_name),
    bio = COALESCE(e.profile_updated.bio, users.bio)
  WHEN NOT MATCHED AND e.event_type = 'user.registered' THEN INSERT VALUES
    (e.aggregate_id, e.registered.username, e.registered.email, e.registered.display_name, e.registered.bio, e.occurred_at);

CREATE MATERIALIZED VIEW profiles AS SELECT user_id, username, display_name, bio, registered_at FROM users;
CREATE INDEX ON profiles (user_id);
GRANT SELECT ON profiles TO PUBLIC;
