-- The topics of the social network. Services emit events here and nothing else; every view below derives from them.
CREATE SOURCE user_events WITH (connector = 'log', topic = 'social.user') FORMAT PLAIN ENCODE PROTOBUF (message = 'social.v1.UserEvent');
CREATE SOURCE account_events WITH (connector = 'log', topic = 'social.account') FORMAT PLAIN ENCODE PROTOBUF (message = 'social.v1.AccountEvent');
CREATE SOURCE conversation_events WITH (connector = 'log', topic = 'social.conversation') FORMAT PLAIN ENCODE PROTOBUF (message = 'social.v1.ConversationEvent');
CREATE SOURCE post_events WITH (connector = 'log', topic = 'social.post') FORMAT PLAIN ENCODE PROTOBUF (message = 'social.v1.PostEvent');
CREATE SOURCE video_events WITH (connector = 'log', topic = 'social.video') FORMAT PLAIN ENCODE PROTOBUF (message = 'social.v1.VideoEvent');
CREATE SOURCE stream_events WITH (connector = 'log', topic = 'social.stream') FORMAT PLAIN ENCODE PROTOBUF (message = 'social.v1.StreamEvent');
CREATE SOURCE media_events WITH (connector = 'log', topic = 'social.media') FORMAT PLAIN ENCODE PROTOBUF (message = 'social.v1.MediaEvent');
CREATE SOURCE notification_events WITH (connector = 'log', topic = 'social.notification') FORMAT PLAIN ENCODE PROTOBUF (message = 'social.v1.NotificationEvent');
CREATE SOURCE search_events WITH (connector = 'log', topic = 'social.search') FORMAT PLAIN ENCODE PROTOBUF (message = 'social.v1.SearchEvent');
CREATE SOURCE asset_events WITH (connector = 'log', topic = 'social.asset') FORMAT PLAIN ENCODE PROTOBUF (message = 'social.v1.AssetEvent');
