// Events as services of the network send them, with ids that nobody else has.

import { me } from './session.js';

const HASHTAGS = /#([\p{L}\p{N}_]{1,60})/gu;
/** A point ends a sentence, unless a name goes on behind it. */
const MENTIONS = /@([\p{L}\p{N}_]{1,60}(?:\.[\p{L}\p{N}_]{1,30})?)/gu;
/** Bits of a post's id below the milliseconds since 1970. */
const ID_RANDOM_BITS = 20n;

/** An id of 63 bits that grows with time. Numbers of JavaScript would round it, so it is a text. */
export function newId() {
  const random = BigInt(crypto.getRandomValues(new Uint32Array(1))[0]) & ((1n << ID_RANDOM_BITS) - 1n);
  return String((BigInt(Date.now()) << ID_RANDOM_BITS) | random);
}

/** UUIDv7 */
function eventId(millis) {
  const bytes = crypto.getRandomValues(new Uint8Array(10));
  bytes[0] = (bytes[0] & 0x0f) | 0x70;
  bytes[2] = (bytes[2] & 0x3f) | 0x80;
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('');
  const time = millis.toString(16).padStart(12, '0');
  return `${time.slice(0, 8)}-${time.slice(8)}-${hex.slice(0, 4)}-${hex.slice(4, 8)}-${hex.slice(8)}`;
}

function event(topic, type, aggregate, payload) {
  const millis = Date.now();
  return {
    topic,
    event: {
      event_id: eventId(millis),
      event_type: type,
      schema_version: 1,
      aggregate_id: aggregate,
      occurred_at: new Date(millis).toISOString(),
      actor_id: me(),
      payload,
    },
  };
}

/** I follow somebody, or no longer do. */
export function followed(user, isOn) {
  const payload = { follower_id: me(), followee_id: user };
  return event('social.user', isOn ? 'user.followed' : 'user.unfollowed', me(), payload);
}

/** I block somebody, or no longer do. */
export function blocked(user, isOn) {
  const payload = { blocker_id: me(), blocked_id: user };
  return event('social.user', isOn ? 'user.blocked' : 'user.unblocked', me(), payload);
}

/** I like a post, or no longer do. */
export function liked(post, isOn) {
  return event('social.post', isOn ? 'post.liked' : 'post.unliked', post, { user_id: me() });
}

/** The names that a text mentions, without the sign before them. */
export function mentionedNames(text) {
  return [...new Set([...text.matchAll(MENTIONS)].map(([, name]) => name))];
}

/** I write a post. */
export function posted(post, text, mentions) {
  const hashtags = [...new Set([...text.matchAll(HASHTAGS)].map(([, tag]) => tag.toLowerCase()))];
  const payload = {
    author_id: me(),
    text,
    hashtags,
    mentions,
    media_ids: [],
    video_id: null,
    visibility: 'public',
    reply_to: null,
  };
  return event('social.post', 'post.created', post, payload);
}

/** I comment on a post. */
export function commented(post, comment, text) {
  const payload = { comment_id: comment, parent_id: null, author_id: me(), text };
  return event('social.post', 'post.commented', post, payload);
}

/** I have read my notifications up to a time. */
export function notificationsRead(upTo) {
  return event('social.notification', 'notification.read', me(), { up_to: upTo });
}
