-- What can be searched for. Words are found as they are written; whoever wants endings taken off writes tokenizer = 'en'.
CREATE INDEX post_search ON posts USING FULLTEXT (text) INCLUDE (post_id, author_id, created_at, visibility, reply_to, hashtags);

-- Posts that are not for everyone, each for those who may see it.
CREATE INDEX restricted_post_search ON restricted_posts USING FULLTEXT (text) INCLUDE (post_id, author_id, created_at, visibility, hashtags);

-- Users by their names and what they say of themselves; suggestions are usernames, those with the most followers first.
CREATE INDEX user_search ON profile_cards USING FULLTEXT (username, display_name, bio) INCLUDE (user_id, registered_at, followers)
  WITH (suggest = 'username', popularity = 'followers');

-- Hashtags, the most used first.
CREATE INDEX hashtag_search ON hashtag_counts USING FULLTEXT (hashtag) INCLUDE (posts)
  WITH (prefix = 1, suggest = 'hashtag', popularity = 'posts');

-- Messages, each within the conversations of the reader: the policy of the view holds for its index.
CREATE INDEX message_search ON conversation_messages USING FULLTEXT (body) INCLUDE (conversation_id, message_id, sender_id, sent_at);
