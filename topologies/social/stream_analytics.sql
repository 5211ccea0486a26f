-- How a stream did, for the eyes of him who streams: viewers, the most at one time, the mean over its length, and the chat by minute.

-- Comings and goings while the stream was on: who waited before it began comes when it begins, and who had left by then comes and
-- goes at once.
CREATE VIEW run_streams AS SELECT stream_id, started_at, ended_at FROM streams WHERE started_at IS NOT NULL;
CREATE VIEW stream_joins AS
  SELECT v.stream_id, GREATEST(v.at, s.started_at) AS at
  FROM (SELECT stream_id, unnest(joined_at) AS at FROM stream_visits) v JOIN run_streams s ON s.stream_id = v.stream_id
  WHERE s.ended_at IS NULL OR v.at < s.ended_at;
CREATE VIEW stream_leaves AS
  SELECT v.stream_id, GREATEST(v.at, s.started_at) AS at
  FROM (SELECT stream_id, unnest(left_at) AS at FROM stream_visits) v JOIN run_streams s ON s.stream_id = v.stream_id
  WHERE s.ended_at IS NULL OR v.at < s.ended_at;

-- The most at one time is reached when somebody comes: those who have come by then without those who have left by then. Both
-- counts find the moment's place among the times in order.
CREATE VIEW stream_moments AS SELECT DISTINCT stream_id, at FROM stream_joins;
CREATE VIEW joined_by_moment AS
  SELECT m.stream_id, m.at, count(*) AS joined FROM stream_moments m JOIN stream_joins j ON j.stream_id = m.stream_id AND j.at <= m.at
  GROUP BY m.stream_id, m.at;
CREATE VIEW left_by_moment AS
  SELECT m.stream_id, m.at, count(*) AS gone FROM stream_moments m JOIN stream_leaves l ON l.stream_id = m.stream_id AND l.at <= m.at
  GROUP BY m.stream_id, m.at;
CREATE VIEW stream_peaks AS
  SELECT j.stream_id, max(j.joined - COALESCE(l.gone, 0)) AS peak_viewers
  FROM joined_by_moment j LEFT JOIN left_by_moment l ON l.stream_id = j.stream_id AND l.at = j.at
  GROUP BY j.stream_id;

-- The time that all viewers watched together, in µs: from coming to the end, without what was left of it when they went.
CREATE VIEW stream_watch_parts AS
  SELECT j.stream_id, CAST(s.ended_at AS BIGINT) - CAST(j.at AS BIGINT) AS watched_us
  FROM stream_joins j JOIN run_streams s ON s.stream_id = j.stream_id WHERE s.ended_at IS NOT NULL
  UNION ALL
  SELECT l.stream_id, CAST(l.at AS BIGINT) - CAST(s.ended_at AS BIGINT)
  FROM stream_leaves l JOIN run_streams s ON s.stream_id = l.stream_id WHERE s.ended_at IS NOT NULL;
CREATE VIEW stream_watch_times AS SELECT stream_id, sum(watched_us) AS watched_us FROM stream_watch_parts GROUP BY stream_id;

-- Everybody who was there while it was on.
CREATE VIEW stream_audiences AS
  SELECT v.stream_id, count(*) AS unique_viewers
  FROM (SELECT stream_id, present, array_min(joined_at) AS first_joined_at, array_max(left_at) AS last_left_at FROM stream_visits) v
  JOIN run_streams s ON s.stream_id = v.stream_id
  WHERE (v.present OR v.last_left_at > s.started_at) AND (s.ended_at IS NULL OR v.first_joined_at < s.ended_at)
  GROUP BY v.stream_id;

CREATE VIEW chat_minutes AS
  SELECT stream_id, window_start AS minute, count(*) AS messages FROM TUMBLE(all_chat_messages, sent_at, INTERVAL '1 minute')
  GROUP BY stream_id, window_start;
CREATE VIEW chat_totals AS
  SELECT stream_id, CAST(sum(messages) AS BIGINT) AS messages, max(messages) AS most_in_a_minute FROM chat_minutes GROUP BY stream_id;

CREATE MATERIALIZED VIEW stream_analytics AS
  SELECT s.owner_id, s.stream_id, s.started_at, s.ended_at,
    COALESCE(a.unique_viewers, 0) AS unique_viewers,
    COALESCE(p.peak_viewers, 0) AS peak_viewers,
    CASE WHEN s.ended_at > s.started_at THEN CAST(CAST(COALESCE(w.watched_us, 0) AS NUMERIC(30, 3))
      / CAST(CAST(s.ended_at AS BIGINT) - CAST(s.started_at AS BIGINT) AS NUMERIC(20, 0)) AS NUMERIC(20, 3)) END AS mean_viewers,
    COALESCE(c.messages, 0) AS chat_messages, COALESCE(c.most_in_a_minute, 0) AS chat_messages_per_minute_max
  FROM streams s
  LEFT JOIN stream_audiences a ON a.stream_id = s.stream_id
  LEFT JOIN stream_peaks p ON p.stream_id = s.stream_id
  LEFT JOIN stream_watch_times w ON w.stream_id = s.stream_id
  LEFT JOIN chat_totals c ON c.stream_id = s.stream_id
  WHERE s.started_at IS NOT NULL;
CREATE INDEX ON stream_analytics (owner_id, stream_id);
CREATE POLICY own_stream_analytics ON stream_analytics FOR SELECT USING (owner_id = jwt('sub'));

CREATE MATERIALIZED VIEW stream_chat_rate AS
  SELECT s.owner_id, c.stream_id, c.minute, c.messages FROM chat_minutes c JOIN streams s ON s.stream_id = c.stream_id;
CREATE INDEX ON stream_chat_rate (owner_id, stream_id, minute DESC);
CREATE POLICY own_chat_rate ON stream_chat_rate FOR SELECT USING (owner_id = jwt('sub'));

-- What was measured of a stream, such as its bit rate, in decimals of six places.
CREATE VIEW stream_measurements AS
  SELECT aggregate_id AS stream_id, event_recorded.kind AS kind, count(*) AS measured,
    CAST(avg(CAST(event_recorded.value AS NUMERIC(20, 6))) AS NUMERIC(24, 10)) AS mean, min(CAST(event_recorded.value AS NUMERIC(20, 6))) AS least,
    max(CAST(event_recorded.value AS NUMERIC(20, 6))) AS most
  FROM stream_events WHERE event_type = 'stream.event_recorded' GROUP BY aggregate_id, event_recorded.kind;
CREATE MATERIALIZED VIEW stream_health AS
  SELECT s.owner_id, m.stream_id, m.kind, m.measured, m.mean, m.least, m.most
  FROM stream_measurements m JOIN streams s ON s.stream_id = m.stream_id;
CREATE INDEX ON stream_health (owner_id, stream_id, kind);
CREATE POLICY own_stream_health ON stream_health FOR SELECT USING (owner_id = jwt('sub'));
