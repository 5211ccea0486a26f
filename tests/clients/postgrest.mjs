// PostgREST's client for JavaScript against a server: each call is compared with what it gives. Arguments: the address, a token of user 7.
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';

const require = createRequire(`${process.env.CLIENT_MODULES}/`);
const { PostgrestClient } = require('@supabase/postgrest-js');

const [address, token] = process.argv.slice(2);
const anybody = new PostgrestClient(`${address}/rest/v1`);
const user = new PostgrestClient(`${address}/rest/v1`, { headers: { Authorization: `Bearer ${token}` } });
const posts = (columns = 'post_id', options) => anybody.from('posts').select(columns, options);
let calls = 0;

async function gives(name, query, expected) {
  const { data, error } = await query;
  assert.equal(error, null, `${name}: ${JSON.stringify(error)}`);
  assert.deepEqual(data, expected, name);
  calls += 1;
}

async function finds(name, query, ids) {
  await gives(name, query.order('post_id'), ids.map((id) => ({ post_id: id })));
}

async function fails(name, query, status, code) {
  const answer = await query;
  assert.equal(answer.error?.code, code, `${name}: ${JSON.stringify(answer)}`);
  assert.equal(answer.status, status, name);
  assert.ok(answer.error.message, name);
  calls += 1;
}

await finds('all', posts(), [1, 2, 3, 4, 5]);
await finds('eq', posts().eq('author_id', 1), [1, 2]);
await finds('neq', posts().neq('author_id', 1), [3, 4, 5]);
await finds('gt', posts().gt('post_id', 3), [4, 5]);
await finds('gte', posts().gte('post_id', 4), [4, 5]);
await finds('lt', posts().lt('post_id', 2), [1]);
await finds('lte', posts().lte('created_at', '2024-01-01T12:00:00.000102+00:00'), [1, 2]);
await finds('like', posts().like('text', 'hello%'), [2]);
await finds('likeAnyOf', posts().likeAnyOf('text', ['Hello%', 'last']), [1, 5]);
await finds('likeAllOf', posts().likeAllOf('text', ['h%', '%again']), [2]);
await finds('ilike', posts().ilike('text', 'HELLO%'), [1, 2]);
await finds('ilikeAnyOf', posts().ilikeAnyOf('text', ['%WORLD', 'LAST']), [1, 5]);
await finds('regexMatch', posts().filter('text', 'match', '^h'), [2]);
await finds('regexIMatch', posts().filter('text', 'imatch', '^H'), [1, 2]);
await finds('is', posts().is('reply_to', null), [1, 3, 4, 5]);
await finds('not is', posts().not('reply_to', 'is', null), [2]);
await finds('isdistinct', posts().filter('reply_to', 'isdistinct', 1), [1, 3, 4, 5]);
await finds('in', posts().in('post_id', [1, 5, 9]), [1, 5]);
await finds('in with a comma', posts().in('text', ['100% sure, really', 'last']), [4, 5]);
await finds('not in', posts().not('author_id', 'in', '(1,2)'), [5]);
await finds('contains', posts().contains('hashtags', ['a']), [1, 5]);
await finds('containedBy', posts().containedBy('hashtags', ['a', 'b']), [1, 2, 3, 5]);
await finds('overlaps', posts().overlaps('hashtags', ['b', 'c']), [1, 3, 4]);
await finds('overlaps of numbers', posts().overlaps('mentions', [2]), [1, 3]);
await finds('match', posts().match({ author_id: 2, post_id: 3 }), [3]);
await finds('or', posts().or('post_id.eq.1,and(author_id.eq.2,text.like.100*)'), [1, 4]);
await finds('a place in JSON', posts().eq('text->>kind', 'note'), [3]);

await gives('names', posts('id:post_id,author_id').eq('post_id', 1), [{ id: 1, author_id: 1 }]);
await gives('casts', posts('post_id::text,day:created_at::date').eq('post_id', 1), [{ post_id: '1', day: '2024-01-01' }]);
const places = 'kind:text->>kind,size:text->size,tag:text->tags->>1,hashtags->0';
await gives('places', posts(places).eq('post_id', 3), [{ kind: 'note', size: 3, tag: 'y', hashtags: 'b' }]);
const replies = posts('post_id').order('reply_to', { ascending: false, nullsFirst: false }).order('post_id', { ascending: false });
await gives('order', replies, [2, 5, 4, 3, 1].map((id) => ({ post_id: id })));
await gives('limit', posts().order('post_id', { ascending: false }).limit(1), [{ post_id: 5 }]);
await gives('range', posts().order('post_id').range(1, 2), [{ post_id: 2 }, { post_id: 3 }]);
await gives('single', posts('post_id,reply_to').eq('post_id', 2).single(), { post_id: 2, reply_to: 1 });
await gives('maybeSingle', posts().eq('post_id', 9).maybeSingle(), null);
await gives('csv', posts('post_id,text').eq('post_id', 4).csv(), 'post_id,text\n4,"100% sure, really"\n');
if (typeof posts().stripNulls === 'function') {
  await gives('stripNulls', posts('post_id,reply_to').lt('post_id', 3).order('post_id').stripNulls(), [{ post_id: 1 }, { post_id: 2, reply_to: 1 }]);
}

for (const kind of ['exact', 'planned', 'estimated']) {
  const counted = await posts('post_id', { count: kind }).order('post_id').range(0, 1);
  assert.deepEqual([counted.count, counted.status, counted.data.length], [5, 206, 2], kind);
  calls += 1;
}
const head = await posts('post_id', { count: 'exact', head: true }).eq('author_id', 2);
assert.deepEqual([head.count, head.error, head.data?.length ?? 0], [2, null, 0]);
calls += 1;

const feed = user.from('following_feed').select('post_id', { count: 'exact' }).order('post_id');
assert.deepEqual(((answer) => [answer.data, answer.count])(await feed), [[{ post_id: 1 }, { post_id: 2 }], 2]);
calls += 1;

await fails('nobody', anybody.from('following_feed').select(), 401, 'PGRST302');
await fails('no row', posts().eq('post_id', 9).single(), 406, 'PGRST116');
await fails('two rows', posts().eq('author_id', 1).single(), 406, 'PGRST116');
await fails('no such column', posts('nothing'), 400, '42703');
await fails('no such view', anybody.from('nothing').select(), 404, 'PGRST205');
await fails('no number', posts().eq('post_id', 'x'), 400, '22P02');
await fails('embedding', posts('post_id,authors(name)'), 400, 'PGRST200');
await fails('words', posts().textSearch('text', 'hello'), 400, 'PGRST100');
await fails('explain', posts().explain(), 406, 'PGRST107');
await fails('insert', anybody.from('posts').insert({ post_id: 9 }), 405, 'PGRST117');
await fails('upsert', anybody.from('posts').upsert({ post_id: 9 }), 405, 'PGRST117');
await fails('update', anybody.from('posts').update({ text: '' }).eq('post_id', 1), 405, 'PGRST117');
await fails('delete', anybody.from('posts').delete().eq('post_id', 1), 405, 'PGRST117');
await fails('rpc', anybody.rpc('anything', {}), 404, 'PGRST202');
await fails('schema', anybody.schema('other').from('posts').select(), 406, 'PGRST106');
console.log(`${calls} calls`);
