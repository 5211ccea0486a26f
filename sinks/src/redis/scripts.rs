//! Scripts that Redis runs, each of them whole or not at all.
//!
//! A script answers `{outcome, detail}`: `ok`, `guard` when the sink is elsewhere than expected, or `fenced` by a later incarnation. A crash in
//! between leaves a unit done up to one of its parts; [`APPLY`] goes on with the next part.

/// Shuts earlier incarnations out; answers how far the sink is.
/// `KEYS`: progress. `ARGV`: incarnation.
pub const FENCE: &str = r"
local stored = redis.call('HMGET', KEYS[1], 'incarnation', 'progress')
if stored[1] and tonumber(stored[1]) > tonumber(ARGV[1]) then return {'fenced', stored[1]} end
redis.call('HSET', KEYS[1], 'incarnation', ARGV[1])
return {'ok', stored[2] or ''}
";

/// Makes keys stale that an epoch changed, unless that was done.
/// `KEYS`: progress. `ARGV`: incarnation, chain and plan that are expected, chain of the unit, part, parts, progress afterwards, mode,
/// position, seconds of a version, channel, message, keys.
pub const APPLY: &str = r"
local stored = redis.call('HMGET', KEYS[1], 'incarnation', 'chain', 'plan', 'begun', 'parts')
if stored[1] and tonumber(stored[1]) > tonumber(ARGV[1]) then return {'fenced', stored[1]} end
if stored[2] ~= ARGV[2] or stored[3] ~= ARGV[3] then return {'guard', ''} end
local done = 0
if stored[4] == ARGV[4] then done = tonumber(stored[5]) end
if tonumber(ARGV[5]) <= done then return {'ok', ''} end
if tonumber(ARGV[5]) ~= done + 1 then return {'guard', ''} end
for at = 13, #ARGV do
  redis.call('DEL', ARGV[at])
  if ARGV[8] == 'version' then redis.call('SET', ARGV[at] .. ':version', ARGV[9], 'EX', ARGV[10]) end
end
if #ARGV > 12 then redis.call('PUBLISH', ARGV[11], ARGV[12]) end
if ARGV[5] == ARGV[6] then
  redis.call('HSET', KEYS[1], 'chain', ARGV[4], 'progress', ARGV[7])
  redis.call('HDEL', KEYS[1], 'begun', 'parts')
else
  redis.call('HSET', KEYS[1], 'begun', ARGV[4], 'parts', ARGV[5])
end
return {'ok', ''}
";

/// Deletes some keys that may be stale, as a part of beginning again: until that is done, the sink is nowhere.
/// `KEYS`: progress. `ARGV`: incarnation, mode, position, seconds of a version, keys.
pub const CLEAR: &str = r"
local incarnation = redis.call('HGET', KEYS[1], 'incarnation')
if incarnation and tonumber(incarnation) > tonumber(ARGV[1]) then return {'fenced', incarnation} end
redis.call('HDEL', KEYS[1], 'chain', 'plan', 'progress', 'begun', 'parts')
for at = 5, #ARGV do
  local key = ARGV[at]
  if ARGV[2] == 'version' then
    key = string.gsub(key, ':version$', '')
    redis.call('SET', key .. ':version', ARGV[3], 'EX', ARGV[4])
  end
  redis.call('DEL', key)
end
return {'ok', ''}
";

/// Says that everything was cleared.
/// `KEYS`: progress. `ARGV`: incarnation, chain, plan, progress, channel, message.
pub const BEGIN: &str = r"
local incarnation = redis.call('HGET', KEYS[1], 'incarnation')
if incarnation and tonumber(incarnation) > tonumber(ARGV[1]) then return {'fenced', incarnation} end
redis.call('HSET', KEYS[1], 'incarnation', ARGV[1], 'chain', ARGV[2], 'plan', ARGV[3], 'progress', ARGV[4])
redis.call('HDEL', KEYS[1], 'begun', 'parts')
redis.call('PUBLISH', ARGV[5], ARGV[6])
return {'ok', ''}
";
