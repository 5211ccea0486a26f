//! Declared sources: the columns that a view sees, and what is refused with what to write instead.

use schemas::topic::TopicSchema;

use crate::load::{build, inline, inline_beside};
use crate::topology::Topology;

fn plan(sql: &str) -> Result<Topology, String> {
    build(&[inline("test.sql", sql)]).map_err(|refused| refused.iter().map(ToString::to_string).collect())
}

fn source(columns: &str, options: &str, end: &str) -> String {
    format!("CREATE SOURCE bids ({columns}) WITH (connector = 'log', topic = 'bids'{options}) FORMAT PLAIN ENCODE JSON{end};")
}

#[test]
fn every_type_becomes_a_column_of_a_view() {
    let types = [
        "SMALLINT",
        "INTEGER",
        "BIGINT",
        "NUMERIC(18,2)",
        "NUMERIC",
        "DOUBLE PRECISION",
        "BOOLEAN",
        "TEXT",
        "VARCHAR",
        "UUID",
        "JSONB",
        "BYTEA",
        "DATE",
        "TIMESTAMP",
        "TIMESTAMPTZ",
        "INTERVAL",
        "BIGINT[]",
        "TEXT[]",
        "UUID[]",
        "JSONB[]",
        "NUMERIC(4,1)[]",
        "DATE[]",
    ];
    let columns: Vec<String> = types.iter().enumerate().map(|(number, name)| format!("c{number} {name}")).collect();
    let sql = format!("{} CREATE MATERIALIZED VIEW v AS SELECT * FROM bids WHERE c2 > 1;", source(&columns.join(", "), "", ""));
    // A view of every event would grow for ever: what is asked here is that each column can be read.
    let refused = plan(&sql);
    let grouped = format!(
        "{} CREATE MATERIALIZED VIEW v AS SELECT c0, count(c5) AS n FROM bids GROUP BY c0;",
        source(&columns.join(", "), "", "")
    );
    let topology = plan(&grouped).unwrap_or_else(|refused| panic!("{refused}"));
    assert_eq!(topology.sources[0].schema.columns().len(), types.len());
    assert!(refused.as_ref().err().is_none_or(|refused| refused.contains("every event")), "{:?}", refused.err());
}

#[test]
fn what_is_not_carried_is_refused_with_what_to_write() {
    for (columns, options, end, said) in [
        ("a REAL", "", "", "write DOUBLE PRECISION"),
        ("a JSON", "", "", "write JSONB"),
        ("a VARCHAR(20)", "", "", "write TEXT"),
        ("a INTERVAL YEAR", "", "", "write INTERVAL without fields"),
        ("a INTERVAL[]", "", "", "write JSONB for a list of lists"),
        ("a BIGINT[][]", "", "", "write JSONB for a list of lists"),
        ("a ROW(b BIGINT)", "", "", "declare the object as JSONB"),
        ("a STRUCT<b BIGINT>>", "", "", "leave out a '>'"),
        ("a STRUCT<b BIGINT> NOT NULL", "", "", "NOT NULL behind the type of a field"),
        ("a STRUCT<\"b.c\" BIGINT>", "", "", "declare the object around it as JSONB"),
        ("a STRUCT<b BIGINT, b TEXT>", "", "", "named twice"),
        ("a STRUCT<b>", "", "", "the type of the column 'a.b'"),
        ("a STRUCT<>", "", "", "as JSONB"),
        ("a STRUCT<b BIGINT>[]", "", "", "declare it as JSONB"),
        ("a STRUCT<b STRUCT<c BIGINT>[], d TEXT>", "", "", "declare it as JSONB"),
        ("a STRUCT<b BIGINT>", "", " DEDUPLICATE BY (a.c)", "has no column 'a.c'"),
        ("a STRUCT<b BIGINT", "", "", "',' or '>'"),
        ("a MONEY", "", "", "use BIGINT"),
        ("\"a.b\" BIGINT", "", "", "declare the object around it as JSONB"),
        ("a BIGINT, a TEXT", "", "", "named twice"),
        ("a BIGINT PRIMARY KEY", "", "", "DEDUPLICATE BY"),
        ("a BIGINT DEFAULT 1", "", "", "coalesce"),
        ("a BIGINT", ", retention = '1 day'", "", "add event_time = 'column'"),
        ("a BIGINT", ", event_time = 'a'", "", "is not a TIMESTAMPTZ"),
        ("a BIGINT", ", event_time = 'b'", "", "has no column 'b'"),
        ("a BIGINT", ", deduplication = '1 day'", "", "write DEDUPLICATE BY"),
        ("a BIGINT", "", " DEDUPLICATE BY (b)", "has no column 'b'"),
        ("a BIGINT", "", " DEDUPLICATE BY (a) WITHIN INTERVAL 'x'", "is a duration"),
        ("a BIGINT", "", " (message = 'social.v1.PostEvent', schema.location = 'post.proto')", "columns or a message, not both"),
    ] {
        let refused =
            plan(&source(columns, options, end)).err().unwrap_or_else(|| panic!("({columns}){options}{end} was planned"));
        assert!(refused.contains(said), "({columns}){options}{end}: {refused}");
    }
    let protobuf = "CREATE SOURCE s (a BIGINT) WITH (connector = 'log', topic = 's') FORMAT PLAIN ENCODE PROTOBUF;";
    assert!(plan(protobuf).is_err_and(|refused| refused.contains("write ENCODE JSON")));
    let reserved = "CREATE SOURCE s (a BIGINT) WITH (connector = 'log', topic = 'tidewater.x') FORMAT PLAIN ENCODE JSON;";
    assert!(plan(reserved).is_err_and(|refused| refused.contains("the process itself")));
    let read_again = format!(
        "{} CREATE MATERIALIZED VIEW n AS SELECT a, count(*) AS n FROM bids GROUP BY a;
         CREATE SINK out FROM n WITH (connector = 'log', topic = 'bids') FORMAT CHANGELOG ENCODE JSON;",
        source("a BIGINT", "", "")
    );
    assert!(plan(&read_again).is_err_and(|refused| refused.contains("would be read again")));
}

#[test]
fn a_source_that_was_dropped_comes_back_with_the_same_columns_alone() {
    let (before, drop) = (source("a BIGINT, b TEXT", "", ""), "DROP SOURCE bids;");
    let view = "CREATE MATERIALIZED VIEW n AS SELECT b, count(*) AS n FROM bids GROUP BY b;";
    let again = plan(&format!("{before}{drop}{before}{view}")).unwrap_or_else(|refused| panic!("{refused}"));
    assert_eq!((again.sources.len(), again.live_sources().count()), (1, 1));
    let fewer = plan(&format!("{before}{drop}{}", source("b TEXT", "", "")));
    assert!(fewer.is_err_and(|refused| refused.contains("leave out the DROP")));
    let dropped = plan(&format!("{before}{drop}")).unwrap_or_else(|refused| panic!("{refused}"));
    assert!(dropped.live_sources().next().is_none() && dropped.topics().get("bids").is_none());
}

#[test]
fn identities_are_remembered_only_where_they_are_declared() {
    let micros = |end: &str| plan(&source("a BIGINT", "", end)).expect("a plan").sources[0].deduplication_micros;
    assert_eq!(micros(""), None);
    assert_eq!(micros(" DEDUPLICATE BY (a)"), Some(7 * 86_400_000_000));
    assert_eq!(micros(" DEDUPLICATE BY (a) WITHIN INTERVAL '1 hour'"), Some(3_600_000_000));
}

#[test]
fn a_state_depends_on_the_declared_columns_and_not_on_their_order() {
    use crate::plan::kept::KeptStates;
    let state = |columns: &str| {
        let view = "CREATE MATERIALIZED VIEW n AS SELECT auction, count(*) AS n FROM bids GROUP BY auction;";
        let topology = plan(&format!("{}{view}", source(columns, "", ""))).unwrap_or_else(|refused| panic!("{refused}"));
        let found = KeptStates::of(&topology).specs.into_iter().find(|state| state.name == "n");
        found.expect("the view keeps a state").fingerprint
    };
    let before = state("auction BIGINT, price NUMERIC(18,2)");
    assert_eq!(state("price NUMERIC(18,2), auction BIGINT"), before);
    for other in [
        "auction BIGINT",
        "auction BIGINT, price NUMERIC(18,3)",
        "auction BIGINT, price NUMERIC(18,2) NOT NULL",
        "auction BIGINT, price NUMERIC(18,2), extra JSONB",
    ] {
        assert_ne!(state(other), before, "{other}");
    }
}

const ORDER: &str = "syntax = 'proto3'; package shop.v1; message Order { int64 id = 1; string customer = 2; }";

/// A topology with a view of orders, and the files beside it.
fn plan_orders(encoding: &str, end: &str, files: &[(&str, &str)]) -> Result<Topology, String> {
    let sql = format!(
        "CREATE SOURCE orders WITH (connector = 'log', topic = 'orders') FORMAT PLAIN ENCODE {encoding} {end};
         CREATE MATERIALIZED VIEW n AS SELECT customer, count(*) AS n FROM orders GROUP BY customer;"
    );
    let mut all = vec![inline("folder/test.sql", &sql)];
    all.extend(files.iter().map(|(name, text)| inline(&format!("folder/{name}"), text)));
    build(&all).map_err(|refused| refused.iter().map(ToString::to_string).collect())
}

#[test]
fn the_fields_of_a_message_beside_the_statements_are_columns() {
    let shop = "(message = 'shop.v1.Order', schema.location = 'shop.proto')";
    let topology = plan_orders("PROTOBUF", shop, &[("shop.proto", ORDER)]).unwrap_or_else(|refused| panic!("{refused}"));
    let schema = &topology.sources[0].schema;
    let names: Vec<&str> = schema.columns().iter().map(|column| column.name.as_str()).collect();
    assert_eq!((names, schema.message()), (vec!["id", "customer"], Some("shop.v1.Order")));
    assert_eq!(topology.sources[0].deduplication_micros, None);
    let told = plan_orders("PROTOBUF", &format!("{shop} DEDUPLICATE BY (id)"), &[("shop.proto", ORDER)]);
    assert!(told.is_ok_and(|topology| topology.sources[0].deduplication_micros.is_some()));
}

#[test]
fn what_a_message_lacks_is_refused_with_what_to_write() {
    let at = |location: &str, message: &str| format!("(message = '{message}', schema.location = '{location}')");
    let shop = [("shop.proto", ORDER)];
    for (encoding, end, said) in [
        ("PROTOBUF", at("shpo.proto", "shop.v1.Order"), "did you mean 'shop.proto'?"),
        ("PROTOBUF", at("shop.proto", "shop.v1.Ordr"), "did you mean 'shop.v1.Order'?"),
        ("PROTOBUF", at("broken.proto", "M"), "can't be compiled"),
        ("PROTOBUF", format!("{} DEDUPLICATE BY (code)", at("shop.proto", "shop.v1.Order")), "has no column 'code'"),
        ("JSON", at("shop.proto", "shop.v1.Order"), "write ENCODE PROTOBUF"),
    ] {
        let files = [shop[0], ("broken.proto", "message M {")];
        let refused = plan_orders(encoding, &end, &files).err().unwrap_or_else(|| panic!("{end} was planned"));
        assert!(refused.contains(said), "{end}: {refused}");
    }
}

#[test]
fn of_many_messages_the_first_are_told() {
    let messages: String = (10..25).map(|number| format!("message M{number} {{ int64 id = 1; }}")).collect();
    let file = format!("syntax = 'proto3'; {messages}");
    let end = "(message = 'SomethingElse', schema.location = 'many.proto')";
    let refused = plan_orders("PROTOBUF", end, &[("many.proto", &file)]).expect_err("there is no such message");
    assert!(refused.contains("M19 and 5 more") && !refused.contains("M20"), "{refused}");
}

#[test]
fn a_state_depends_on_the_fields_and_not_on_the_words_of_a_file() {
    use crate::plan::kept::KeptStates;
    let state = |text: &str| {
        let end = "(message = 'shop.v1.Order', schema.location = 'shop.proto')";
        let topology = plan_orders("PROTOBUF", end, &[("shop.proto", text)]).unwrap_or_else(|refused| panic!("{refused}"));
        let found = KeptStates::of(&topology).specs.into_iter().find(|state| state.name == "n");
        found.expect("the view keeps a state").fingerprint
    };
    let before = state(ORDER);
    assert_eq!(state(&format!("// An order.\n{ORDER}")), before);
    assert_ne!(state(&ORDER.replace("customer = 2", "customer = 3")), before);
    assert_ne!(state(&ORDER.replace("int64 id", "sint64 id")), before);
    let two = |fields: &str| state(&format!("syntax = 'proto3'; package shop.v1; message Order {{ {fields} }}"));
    let before = two("string customer = 1; string seller = 2;");
    assert_eq!(two("string seller = 2; string customer = 1;"), before, "the order of the lines does not matter");
    assert_ne!(two("string seller = 1; string customer = 2;"), before, "old events have other values then");
}

#[test]
fn the_fields_of_an_object_are_columns_by_the_path_to_them() {
    let columns = "id BIGINT, buyer STRUCT<name TEXT NOT NULL, address STRUCT<city TEXT, zip TEXT>>, a STRUCT<b STRUCT<c STRUCT<d BIGINT>>>";
    let views = "CREATE MATERIALIZED VIEW v AS
          SELECT buyer.name, count(s.buyer.address.city) AS cities, max((buyer).address.zip) AS zip, sum((s.a).b.c.d) AS d, count(*) FILTER (WHERE buyer.address.city = 'x') AS x FROM bids AS s GROUP BY buyer.name;";
    let topology = plan(&format!("{}{views}", source(columns, "", ""))).unwrap_or_else(|refused| panic!("{refused}"));
    let schema = &topology.sources[0].schema;
    let names: Vec<(&str, bool)> = schema.columns().iter().map(|column| (column.name.as_str(), column.nullable)).collect();
    let expected =
        [("id", true), ("buyer.name", false), ("buyer.address.city", true), ("buyer.address.zip", true), ("a.b.c.d", true)];
    assert_eq!(names, expected);
    let names: Vec<&str> = topology.declarations["v"].columns.iter().map(|column| column.name.as_str()).collect();
    assert_eq!(names, ["name", "cities", "zip", "d", "x"]);
}

#[test]
fn an_object_is_no_column_and_its_fields_tell_events_apart() {
    let columns = "id BIGINT, buyer STRUCT<name TEXT, \"Address\" STRUCT<city TEXT>>";
    let sql = source(columns, "", " DEDUPLICATE BY (id, buyer.\"Address\".city)");
    let topology = plan(&sql).unwrap_or_else(|refused| panic!("{refused}"));
    let TopicSchema::Declared(topic) = &topology.sources[0].schema else { panic!("columns are declared") };
    assert_eq!(topic.told_apart_by(), [0, 2]);
    let of = |key: &str| {
        let sql = format!("CREATE MATERIALIZED VIEW v AS SELECT {key}, count(*) AS n FROM bids GROUP BY {key};");
        plan(&format!("{}{sql}", source(columns, "", ""))).err().expect("it is refused")
    };
    for key in ["buyer", "bids.buyer"] {
        assert!(of(key).contains(&format!("'{key}' is an object")) && of(key).contains("write buyer.name"), "{}", of(key));
    }
}

#[test]
fn the_name_of_what_a_query_reads_comes_before_that_of_an_object() {
    let columns = "id BIGINT, b STRUCT<id BIGINT>";
    let of = |key: &str, counted: &str, read: &str| {
        let view = format!("CREATE MATERIALIZED VIEW v AS SELECT {key}, count({counted}) AS n FROM {read} GROUP BY {key};");
        plan(&format!("{}{view}", source(columns, "", ""))).map(|topology| topology.declarations["v"].columns.len())
    };
    assert_eq!(of("b.id", "*", "bids AS b"), Ok(2));
    assert_eq!(of("b.b.id", "b.id", "bids AS b"), Ok(2));
    assert_eq!(of("b.id", "*", "bids"), Ok(2));
    assert!(of("b.name", "*", "bids AS b").is_err());
}

const ENVELOPED: &str = r#"syntax = "proto3"; package shop.v1; import "tidewater/v1/options.proto";
message OrderEvent {
  string event_id = 1;
  string event_type = 2;
  int32 schema_version = 3;
  string aggregate_id = 4;
  int64 occurred_at = 5 [(tidewater.v1.meaning) = MEANING_TIME];
  int64 actor_id = 6 [(tidewater.v1.meaning) = MEANING_ID];
  optional string trace_parent = 7;
  oneof payload { OrderPlaced placed = 10 [(tidewater.v1.event_type) = "order.placed"]; }
}
message OrderPlaced { string customer = 1; }
"#;

/// A topology with a view of events with the envelope.
fn plan_enveloped(options: &str, encoding: &str, end: &str, file: &str) -> Result<Topology, String> {
    let sql = format!(
        "CREATE SOURCE orders WITH (connector = 'log', topic = 'orders'{options}) FORMAT PLAIN ENCODE {encoding} {end};
         CREATE MATERIALIZED VIEW n AS SELECT e.placed.customer AS customer, count(*) AS n FROM orders e GROUP BY e.placed.customer;"
    );
    let beside = [("order.proto".to_owned(), file.to_owned())];
    build(&inline_beside("test.sql", &sql, &beside)).map_err(|refused| refused.iter().map(ToString::to_string).collect())
}

const ORDER_EVENT: &str = "(message = 'shop.v1.OrderEvent', schema.location = 'order.proto')";

#[test]
fn a_message_with_the_envelope_has_its_columns_in_both_encodings() {
    use schemas::event::Encoding;
    for (encoding, expected) in [("PROTOBUF", Encoding::Protobuf), ("JSON", Encoding::Json)] {
        let topology = plan_enveloped(", retention = '30 days'", encoding, ORDER_EVENT, ENVELOPED);
        let topology = topology.unwrap_or_else(|refused| panic!("{refused}"));
        let source = &topology.sources[0];
        assert_eq!((source.encoding, source.schema.topic(), source.schema.message()), (expected, "orders", Some("shop.v1.OrderEvent")));
        let columns = source.schema.columns().iter().map(|column| column.name.as_str());
        assert_eq!(columns.skip(3).collect::<Vec<_>>().join(" "), "aggregate_id occurred_at actor_id trace_parent placed.customer");
        assert_eq!(source.deduplication_micros, Some(7 * 86_400_000_000));
    }
    for (options, end) in [(", deduplication = '1 hour'", ""), ("", " DEDUPLICATE BY (event_id) WITHIN INTERVAL '1 hour'")] {
        let topology = plan_enveloped(options, "PROTOBUF", &format!("{ORDER_EVENT}{end}"), ENVELOPED);
        let topology = topology.unwrap_or_else(|refused| panic!("{refused}"));
        assert_eq!(topology.sources[0].deduplication_micros, Some(3_600_000_000));
    }
}

#[test]
fn the_file_of_a_message_is_found_where_none_is_named() {
    assert!(plan_enveloped("", "PROTOBUF", "(message = 'shop.v1.OrderEvent')", ENVELOPED).is_ok());
    let refused = plan_enveloped("", "PROTOBUF", "(message = 'social.v1.PostEvent')", ENVELOPED).expect_err("nobody has it");
    assert!(refused.contains("no file beside the statements has the message 'social.v1.PostEvent'"), "{refused}");
    assert!(refused.contains("put its .proto file beside the .sql files"), "{refused}");
    for near in ["shop.v1.OrderEvnt", "OrderEvent"] {
        let refused = plan_enveloped("", "PROTOBUF", &format!("(message = '{near}')"), ENVELOPED).expect_err("nobody has it");
        assert!(refused.contains("did you mean 'shop.v1.OrderEvent'?"), "{refused}");
    }
    // What is wrong with the file that may have it is said, with the line.
    let open = ENVELOPED.replace("message OrderPlaced {", "message OrderPlaced");
    let refused = plan_enveloped("", "PROTOBUF", "(message = 'shop.v1.OrderEvent')", &open).expect_err("the file is wrong");
    assert!(refused.contains("can't be compiled: ") && refused.contains("order.proto:12:"), "{refused}");
}

#[test]
fn what_does_not_go_with_an_envelope_is_refused_with_what_to_write() {
    let other_topic = ENVELOPED.replacen("  string event_id", "  option (tidewater.v1.topic) = \"shop.order\"; string event_id", 1);
    let no_type = ENVELOPED.replacen(" [(tidewater.v1.event_type) = \"order.placed\"]", "", 1);
    for (options, end, file, said) in [
        (", event_time = 'occurred_at'", "", ENVELOPED, "leave out the option 'event_time'"),
        ("", " DEDUPLICATE BY (actor_id)", ENVELOPED, "DEDUPLICATE BY (event_id)"),
        ("", " INCLUDE KEY AS k", ENVELOPED, "which has the envelope, is not supported"),
        ("", "", &other_topic, "write topic = 'shop.order'"),
        ("", "", &no_type, "order.proto:10:19: the payload 'placed' has no option (tidewater.v1.event_type)"),
    ] {
        let refused = plan_enveloped(options, "PROTOBUF", &format!("{ORDER_EVENT}{end}"), file);
        let refused = refused.err().unwrap_or_else(|| panic!("{options}{end} was planned"));
        assert!(refused.contains(said) && refused.contains("test.sql:1:"), "{options}{end}: {refused}");
    }
    let shop = "(message = 'shop.v1.Order', schema.location = 'order.proto')";
    let plain = plan_enveloped(", deduplication = '1 day'", "PROTOBUF", shop, ORDER).expect_err("it has no id");
    assert!(plain.contains("write DEDUPLICATE BY"), "{plain}");
}

#[test]
fn a_state_depends_on_all_fields_of_an_envelope() {
    use crate::plan::kept::KeptStates;
    let state = |text: &str| {
        let topology = plan_enveloped("", "PROTOBUF", ORDER_EVENT, text).unwrap_or_else(|refused| panic!("{refused}"));
        let found = KeptStates::of(&topology).specs.into_iter().find(|state| state.name == "n");
        found.expect("the view keeps a state").fingerprint
    };
    let before = state(ENVELOPED);
    assert_eq!(state(&format!("// Orders.\n{ENVELOPED}")), before);
    assert_ne!(state(&ENVELOPED.replacen("string customer = 1;", "string customer = 2;", 1)), before);
    let more = "string customer = 1; optional string coupon = 2;";
    assert_ne!(state(&ENVELOPED.replacen("string customer = 1;", more, 1)), before, "old events may have a coupon that does not fit");
}
