-- Friends of friends whom I neither follow nor am walled off from, by how many friends we have in common: twenty for each user.
CREATE VIEW friends_of_friends AS
  SELECT f.follower_id AS user_id, g.followee_id AS suggested_id, count(*) AS common
  FROM follows f JOIN follows g ON g.follower_id = f.followee_id
  WHERE g.followee_id <> f.follower_id
  GROUP BY f.follower_id, g.followee_id;

CREATE VIEW suggestions AS
  SELECT c.user_id, c.suggested_id, c.common FROM friends_of_friends c
  WHERE NOT EXISTS (SELECT 1 FROM follows f WHERE f.follower_id = c.user_id AND f.followee_id = c.suggested_id)
    AND NOT EXISTS (SELECT 1 FROM walls w WHERE w.user_id = c.user_id AND w.other_id = c.suggested_id);

CREATE MATERIALIZED VIEW suggested_users AS
  SELECT user_id, rank, suggested_id, common FROM (
    SELECT user_id, suggested_id, common, ROW_NUMBER() OVER (PARTITION BY user_id ORDER BY common DESC, suggested_id) AS rank FROM suggestions
  ) WHERE rank <= 20;
CREATE INDEX ON suggested_users (user_id, rank);
CREATE POLICY own_suggestions ON suggested_users FOR SELECT USING (user_id = jwt('sub'));
