//! Operators, logic and orders.

use super::*;

async fn ids_of(query: &str) -> Vec<i64> {
    let query = query.replace('"', "%22").replace('>', "%3E").replace(' ', "%20");
    let answer = get(&things_api(), &format!("/rest/v1/things?select=id&{query}")).await;
    array_ids(&answer)
}

/// Ids in ascending order of the rows that pass.
async fn passing(filter: &str) -> Vec<i64> {
    ids_of(&format!("order=id&{filter}")).await
}

#[tokio::test]
async fn every_operator_has_the_truth_of_postgresql() {
    for (filter, expected) in [
        ("id=eq.1", &[1][..]),
        ("id=neq.1", &[2, 3, 4, 5]),
        ("name=neq.Ada", &[2, 4, 5]),
        ("name=not.eq.Ada", &[2, 4, 5]),
        ("score=gt.1.5", &[4, 5]),
        ("score=gte.1.505", &[4, 5]),
        ("score=lt.-0.249", &[2]),
        ("score=eq.1.500", &[1]),
        ("score=eq.1.501", &[]),
        ("score=neq.1.501", &[1, 2, 4, 5]),
        ("score=gt.-0.251", &[1, 2, 4, 5]),
        ("score=not.lte.1.501", &[4, 5]),
        ("score=isdistinct.1.501", &[1, 2, 3, 4, 5]),
        ("score=in.(1.501,1.5,1e60)", &[1]),
        ("score=lt.1e60", &[1, 2, 4, 5]),
        ("score=gte.-1e60", &[1, 2, 4, 5]),
        ("score=neq.1e60", &[1, 2, 4, 5]),
        ("score=gt.1e60", &[]),
        ("score=lte.-1e60", &[]),
        ("score=not.lt.1e60", &[]),
        ("at=lte.2024-01-02T01:00:00%2B01:00", &[1, 2]),
        ("at=eq.2024-01-03", &[4]),
        ("name=like.*a*", &[1, 4]),
        ("name=like.A%25", &[1]),
        ("name=ilike.a*", &[1, 4]),
        ("name=like.___", &[1, 2, 4]),
        ("name=like.100%5C%25", &[5]),
        ("name=not.like.A*", &[2, 4, 5]),
        ("name=match.^[A-Z]", &[1]),
        ("name=imatch.^[A-Z]", &[1, 2, 4]),
        ("id=in.(1,3,9)", &[1, 3]),
        ("name=in.(Ada,\"a,b\")", &[1, 4]),
        ("name=not.in.(Ada)", &[2, 4, 5]),
        ("id=in.()", &[]),
        ("id=not.in.()", &[1, 2, 3, 4, 5]),
        ("name=is.null", &[3]),
        ("name=is.NOT_NULL", &[1, 2, 4, 5]),
        ("name=not.is.null", &[1, 2, 4, 5]),
        ("active=is.true", &[1, 4]),
        ("active=is.false", &[2, 5]),
        ("active=not.is.true", &[2, 3, 5]),
        ("active=is.unknown", &[3]),
        ("active=eq.t", &[1, 4]),
        ("name=isdistinct.Ada", &[2, 3, 4, 5]),
        ("name=not.isdistinct.Ada", &[1]),
        ("tags=cs.{b}", &[1, 4]),
        ("tags=cs.{a,b}", &[1]),
        ("tags=cs.{b,a,b}", &[1]),
        ("tags=cs.{b,NULL}", &[]),
        ("tags=cs.{}", &[1, 2, 4, 5]),
        ("tags=cd.{a,b,c}", &[1, 2]),
        ("tags=cd.{c,b,a,NULL}", &[1, 2]),
        ("tags=ov.{a,\"c d\"}", &[1, 5]),
        ("tags=ov.{\"c d\",a}", &[1, 5]),
        ("tags=eq.{a,b}", &[1]),
        ("tags=eq.{b,NULL}", &[4]),
        ("tags=is.null", &[3]),
        ("name=like(any).{A*,b*}", &[1, 2]),
        ("name=ilike(all).{a*,*b}", &[4]),
        ("id=eq(any).{1,2}", &[1, 2]),
        ("id=gt(all).{1,2}", &[3, 4, 5]),
        ("id=not.eq(any).{1,2}", &[3, 4, 5]),
        ("id=gt.1&id=lt.4&id=neq.3", &[2]),
    ] {
        assert_eq!(passing(filter).await, expected, "{filter}");
    }
}

#[tokio::test]
async fn conditions_are_joined_with_three_truths() {
    for (filter, expected) in [
        ("or=(id.eq.1,id.eq.2)", &[1, 2][..]),
        ("and=(id.gt.1,id.lt.3)", &[2]),
        ("or=(id.eq.5,and(active.is.true,not.or(id.eq.1,id.eq.2)))", &[4, 5]),
        ("not.or=(name.eq.Ada,id.eq.2)", &[4, 5]),
        ("not.and=(name.eq.Ada,id.eq.3)", &[1, 2, 4, 5]),
        ("or=(name.in.(Ada,\"a,b\"),tags.cs.{\"c d\"})", &[1, 4, 5]),
        ("or=(name.not.is.null,id.eq.3)&id=gte.3", &[3, 4, 5]),
        ("or=(name.eq.\"a,b\",score.lt.0)", &[2, 4]),
    ] {
        assert_eq!(passing(filter).await, expected, "{filter}");
    }
}

#[tokio::test]
async fn places_within_json_and_lists_are_compared() {
    for (filter, expected) in [
        ("doc->n=gt.5", &[5][..]),
        ("doc->n=eq.5.0", &[1]),
        ("doc->>n=eq.5", &[1]),
        ("doc->>s=like.x*", &[1]),
        ("doc->a->b->>1=eq.2", &[1]),
        ("doc->a->b->-2=eq.1", &[1]),
        ("doc->a=cs.{\"b\":[2]}", &[1]),
        ("doc->n=is.null", &[2, 3, 4]),
        ("doc->n=in.(5,7)", &[1, 5]),
        ("doc->n=in.(7,6,5.0)", &[1, 5]),
        ("tags->0=eq.\"b\"", &[4]),
        ("tags->>0=eq.b", &[4]),
        ("or=(doc->>s.eq.y,tags->>1.eq.b)", &[1, 5]),
    ] {
        assert_eq!(passing(filter).await, expected, "{filter}");
    }
}

#[tokio::test]
async fn rows_come_in_any_order_with_nulls_where_postgresql_has_them() {
    for (order, expected) in [
        ("id.desc", [5, 4, 3, 2, 1]),
        ("score.desc", [3, 4, 5, 1, 2]),
        ("score", [2, 1, 5, 4, 3]),
        ("score.desc.nullslast", [4, 5, 1, 2, 3]),
        ("score.nullsfirst", [3, 2, 1, 5, 4]),
        ("name", [5, 1, 4, 2, 3]),
        ("active.desc,id.desc", [3, 4, 1, 5, 2]),
        ("doc->n.desc.nullslast,id", [5, 1, 2, 3, 4]),
        ("doc->>s.asc,id.desc", [1, 5, 4, 3, 2]),
    ] {
        assert_eq!(ids_of(&format!("order={order}")).await, expected, "{order}");
    }
    assert_eq!(ids_of("score=not.is.null&order=score.nullsfirst&offset=1&limit=2").await, [1, 5]);
}
