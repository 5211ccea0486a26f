-- Builds that failed, what was proposed to fix them, and what became of it.
CREATE TABLE all_builds (
  build_id TEXT PRIMARY KEY,
  repository_id TEXT,
  commit_sha TEXT,
  log TEXT,
  failed_at TIMESTAMPTZ NOT NULL,
  pull_request BIGINT,
  fix TEXT,
  fixed_at TIMESTAMPTZ
);
MERGE INTO all_builds b USING build_events e ON b.build_id = e.aggregate_id
  WHEN NOT MATCHED AND e.event_type = 'build.failed' THEN INSERT VALUES
    (e.aggregate_id, e.payload ->> 'repo', e.payload ->> 'commit', e.payload ->> 'log', e.occurred_at, NULL, NULL, NULL)
  WHEN NOT MATCHED AND e.event_type IN ('fix.proposed', 'fix.merged', 'fix.rejected') THEN RAISE 'there is no such build'
  WHEN MATCHED AND e.event_type = 'fix.proposed' AND b.fix IS NULL THEN UPDATE SET
    pull_request = CAST(e.payload ->> 'pr' AS BIGINT), fix = 'proposed', fixed_at = e.occurred_at
  WHEN MATCHED AND e.event_type = 'fix.merged' AND b.fix = 'proposed' THEN UPDATE SET fix = 'merged', fixed_at = e.occurred_at
  WHEN MATCHED AND e.event_type = 'fix.rejected' AND b.fix = 'proposed' THEN UPDATE SET fix = 'rejected', fixed_at = e.occurred_at
  WHEN MATCHED AND e.event_type IN ('fix.merged', 'fix.rejected') THEN RAISE 'no fix is proposed'
  WHEN MATCHED AND e.event_type = 'fix.proposed' THEN RAISE 'there is a fix already'
  WHEN MATCHED AND e.event_type = 'build.failed' THEN RAISE 'there is such a build already';

CREATE MATERIALIZED VIEW repository_fix_rates AS
  SELECT repository_id, count(*) AS failures, count(pull_request) AS proposed, count(*) FILTER (WHERE fix = 'merged') AS merged,
    count(*) FILTER (WHERE fix = 'rejected') AS rejected,
    CAST(CAST(count(*) FILTER (WHERE fix = 'merged') AS NUMERIC(20, 4)) / NULLIF(count(*) FILTER (WHERE fix IN ('merged', 'rejected')), 0)
      AS NUMERIC(5, 4)) AS success_rate
  FROM all_builds GROUP BY repository_id;
CREATE INDEX ON repository_fix_rates (repository_id);
CREATE POLICY dashboard_reads_fix_rates ON repository_fix_rates FOR SELECT USING (jwt('service') = 'dashboard');
CREATE SINK stale_fix_rates FROM repository_fix_rates WITH
  (connector = 'log', type = 'invalidate', topic = 'agents.stale_repository', key = 'repository:{repository_id}');

-- What a model is trained with: a log, and whether the fix for it was good. The verdict on a fix is final, so an example is in the topic once.
CREATE MATERIALIZED VIEW training_examples AS
  SELECT build_id, repository_id, commit_sha, log, pull_request, fix = 'merged' AS is_good, fixed_at AS decided_at
  FROM all_builds WHERE fix IN ('merged', 'rejected');
CREATE INDEX ON training_examples (decided_at DESC, build_id);
CREATE POLICY training_reads_examples ON training_examples FOR SELECT USING (jwt('service') = 'training');
CREATE SINK training_examples_out FROM training_examples WITH (connector = 'log', topic = 'agents.training_example', key = 'build_id')
  FORMAT UPSERT ENCODE JSON;
