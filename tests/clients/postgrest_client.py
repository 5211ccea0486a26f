"""PostgREST's client for Python against a server: each call is compared with what it gives. Arguments: the address, a token of user 7."""

import sys

from postgrest import APIError, CountMethod, SyncPostgrestClient

address, token = sys.argv[1:]
anybody = SyncPostgrestClient(f"{address}/rest/v1")
user = SyncPostgrestClient(f"{address}/rest/v1", headers={"Authorization": f"Bearer {token}"})
calls = 0


def posts(*columns, **options):
    return anybody.from_("posts").select(*(columns or ("post_id",)), **options)


def gives(name, query, expected):
    global calls
    data = query.execute().data
    assert data == expected, f"{name}: {data!r} is not {expected!r}"
    calls += 1


def finds(name, query, ids):
    gives(name, query.order("post_id"), [{"post_id": number} for number in ids])


def fails(name, query, code):
    global calls
    try:
        answer = query.execute()
    except APIError as error:
        assert error.code == code, f"{name}: {error!r}"
        assert error.message, f"{name}: {error!r}"
        calls += 1
    else:
        raise AssertionError(f"{name}: {answer!r}")


finds("all", posts(), [1, 2, 3, 4, 5])
finds("eq", posts().eq("author_id", 1), [1, 2])
finds("neq", posts().neq("author_id", 1), [3, 4, 5])
finds("gt", posts().gt("post_id", 3), [4, 5])
finds("gte", posts().gte("post_id", 4), [4, 5])
finds("lt", posts().lt("post_id", 2), [1])
finds("lte", posts().lte("created_at", "2024-01-01T12:00:00.000102+00:00"), [1, 2])
finds("like", posts().like("text", "hello%"), [2])
finds("like_any_of", posts().like_any_of("text", "Hello%,last"), [1, 5])
finds("like_all_of", posts().like_all_of("text", "h%,%again"), [2])
finds("ilike", posts().ilike("text", "HELLO%"), [1, 2])
finds("ilike_any_of", posts().ilike_any_of("text", "%WORLD,LAST"), [1, 5])
finds("match", posts().filter("text", "match", "^h"), [2])
finds("imatch", posts().filter("text", "imatch", "^H"), [1, 2])
finds("is_", posts().is_("reply_to", "null"), [1, 3, 4, 5])
finds("not_ is", posts().not_.is_("reply_to", "null"), [2])
finds("isdistinct", posts().filter("reply_to", "isdistinct", "1"), [1, 3, 4, 5])
finds("in_", posts().in_("post_id", [1, 5, 9]), [1, 5])
finds("in_ with a comma", posts().in_("text", ["100% sure, really", "last"]), [4, 5])
finds("not_ in", posts().not_.in_("author_id", [1, 2]), [5])
finds("contains", posts().contains("hashtags", ["a"]), [1, 5])
finds("contained_by", posts().contained_by("hashtags", ["a", "b"]), [1, 2, 3, 5])
finds("overlaps", posts().overlaps("hashtags", ["b", "c"]), [1, 3, 4])
finds("match of several", posts().match({"author_id": 2, "post_id": 3}), [3])
finds("or_", posts().or_("post_id.eq.1,and(author_id.eq.2,text.like.100*)"), [1, 4])
finds("a place in JSON", posts().eq("text->>kind", "note"), [3])

gives("names", posts("id:post_id", "author_id").eq("post_id", 1), [{"id": 1, "author_id": 1}])
gives("casts", posts("post_id::text", "day:created_at::date").eq("post_id", 1), [{"post_id": "1", "day": "2024-01-01"}])
places = posts("kind:text->>kind", "size:text->size", "hashtags->0").eq("post_id", 3)
gives("places", places, [{"kind": "note", "size": 3, "hashtags": "b"}])
newest = posts().order("reply_to", desc=True, nullsfirst=False).order("post_id", desc=True)
gives("order", newest.limit(2), [{"post_id": 2}, {"post_id": 5}])
gives("limit", posts().order("post_id", desc=True).limit(1), [{"post_id": 5}])
gives("range", posts().order("post_id").range(1, 2), [{"post_id": 2}, {"post_id": 3}])
gives("offset", posts().order("post_id").offset(3), [{"post_id": 4}, {"post_id": 5}])
gives("single", posts("post_id", "reply_to").eq("post_id", 2).single(), {"post_id": 2, "reply_to": 1})
gives("csv", posts("post_id", "text").eq("post_id", 4).csv(), 'post_id,text\n4,"100% sure, really"\n')
assert posts().eq("post_id", 9).maybe_single().execute() is None
assert posts().eq("post_id", 2).maybe_single().execute().data == {"post_id": 2}
calls += 2

for kind in CountMethod:
    counted = posts(count=kind).order("post_id").range(0, 1).execute()
    assert (counted.count, len(counted.data)) == (5, 2), f"{kind}: {counted!r}"
    calls += 1
head = posts(count=CountMethod.exact, head=True).eq("author_id", 2).execute()
assert head.count == 2, f"{head!r}"
feed = user.from_("following_feed").select("post_id", count=CountMethod.exact).order("post_id").execute()
assert (feed.data, feed.count) == ([{"post_id": 1}, {"post_id": 2}], 2), f"{feed!r}"
calls += 2

fails("nobody", anybody.from_("following_feed").select("*"), "PGRST302")
fails("no row", posts().eq("post_id", 9).single(), "PGRST116")
fails("two rows", posts().eq("author_id", 1).single(), "PGRST116")
fails("no such column", posts("nothing"), "42703")
fails("no such view", anybody.from_("nothing").select("*"), "PGRST205")
fails("no number", posts().eq("post_id", "x"), "22P02")
fails("embedding", posts("post_id", "authors(name)"), "PGRST200")
fails("words", posts().filter("text", "fts", "hello"), "PGRST100")
fails("insert", anybody.from_("posts").insert({"post_id": 9}), "PGRST117")
fails("update", anybody.from_("posts").update({"text": ""}).eq("post_id", 1), "PGRST117")
fails("delete", anybody.from_("posts").delete().eq("post_id", 1), "PGRST117")
fails("rpc", anybody.rpc("anything", {}), "PGRST202")
fails("schema", anybody.schema("other").from_("posts").select("*"), "PGRST106")
print(f"{calls} calls")
