-- What was done each day (UTC), and days without a gap. A task that is deleted later was done all the same; a reopened one was not.
CREATE VIEW completed_tasks AS
  SELECT user_id, task_id, COALESCE(completed_at, changed_at) AS completed_at FROM all_tasks WHERE completed_at IS NOT NULL;

CREATE MATERIALIZED VIEW completions_per_day AS
  SELECT user_id, window_start AS day, count(*) AS completions
  FROM TUMBLE(completed_tasks, completed_at, INTERVAL '1 day') GROUP BY user_id, window_start;
CREATE INDEX ON completions_per_day (user_id, day DESC);
CREATE POLICY own_completions ON completions_per_day FOR SELECT USING (user_id = jwt('sub'));

CREATE VIEW streaks AS
  SELECT user_id, window_start AS first_day, max(day) AS last_day, count(*) AS days, CAST(sum(completions) AS BIGINT) AS completions
  FROM SESSION(completions_per_day, day, INTERVAL '1 day', user_id) GROUP BY user_id, window_start, window_end;

-- A streak that today or yesterday is a part of.
CREATE MATERIALIZED VIEW current_streaks AS
  SELECT user_id, first_day, last_day, days, completions FROM streaks WHERE last_day > NOW() - INTERVAL '2 days';
CREATE INDEX ON current_streaks (user_id);
CREATE POLICY own_current_streak ON current_streaks FOR SELECT USING (user_id = jwt('sub'));

CREATE MATERIALIZED VIEW longest_streaks AS
  SELECT user_id, days, first_day, last_day FROM (
    SELECT user_id, days, first_day, last_day, ROW_NUMBER() OVER (PARTITION BY user_id ORDER BY days DESC, first_day DESC) AS place FROM streaks
  ) WHERE place <= 1;
CREATE INDEX ON longest_streaks (user_id);
CREATE POLICY own_longest_streak ON longest_streaks FOR SELECT USING (user_id = jwt('sub'));
