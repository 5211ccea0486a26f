-- The words of posts that live: whole words in lower case, an index for AND queries until full-text search takes over.
CREATE MATERIALIZED VIEW post_words AS
  SELECT DISTINCT word, post_id FROM (
    SELECT post_id, unnest(string_to_array(regexp_replace(lower(text), '[^a-z0-9]+', ' ', 'g'), ' ')) AS word FROM posts
  ) WHERE word <> '';
CREATE INDEX ON post_words (word, post_id);
GRANT SELECT ON post_words TO PUBLIC;
