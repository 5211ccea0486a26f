//! Tables that are filled from topics: what they become, and what is refused with what to write instead.

use schemas::sink::SinkContent;
use schemas::topic::TopicSchema;

use crate::diagnostic::SourceFile;
use crate::load::{build, inline};
use crate::parse::parse;
use crate::topology::{RelationKind, Topology};

fn plan(sql: &str) -> Result<Topology, String> {
    build(&[inline("test.sql", sql)]).map_err(|refused| refused.iter().map(ToString::to_string).collect())
}

fn table(columns: &str, more: &str, format: &str) -> String {
    format!("CREATE TABLE products ({columns}) WITH (connector = 'log', topic = 'products'{more}) FORMAT {format} ENCODE JSON;")
}

const PRODUCTS: &str = "sku TEXT PRIMARY KEY, price_cents BIGINT NOT NULL, note TEXT";

#[test]
fn a_table_has_the_columns_that_it_declares() {
    for format in ["UPSERT", "DEBEZIUM"] {
        let view = "CREATE MATERIALIZED VIEW v AS SELECT * FROM products; CREATE INDEX ON products (sku); GRANT SELECT ON products TO PUBLIC;";
        let topology =
            plan(&format!("{}{view}", table(PRODUCTS, ", partitions = 8", format))).unwrap_or_else(|refused| panic!("{refused}"));
        for relation in ["products", "v"] {
            let columns = &topology.declarations[relation].columns;
            let names: Vec<&str> = columns.iter().map(|column| column.name.as_str()).collect();
            assert_eq!(names, ["sku", "price_cents", "note"], "{format}: {relation}");
        }
        assert_eq!(topology.declarations["products"].kind, RelationKind::Table);
        let [source] = &topology.sources[..] else { panic!("{} sources", topology.sources.len()) };
        assert_eq!((source.partitions, source.schema.topic(), source.deduplication_micros), (8, "products", None));
        let TopicSchema::Declared(topic) = &source.schema else { panic!("an enveloped topic") };
        let changes = topic.changes().expect("changes of rows");
        assert_eq!((&changes.key[..], &changes.required[..]), (&[0][..], &[true, true, false][..]));
        assert!(topology.topics().get("products").is_some(), "no line may name the topic");
        assert!(topology.served.iter().any(|served| served.view.name == "products" && served.view.columns.len() == 3));
    }
}

#[test]
fn parts_of_the_last_record_are_columns_of_the_row() {
    let included = "CREATE TABLE t (id BIGINT PRIMARY KEY) INCLUDE KEY AS k INCLUDE PARTITION
        WITH (connector = 'log', topic = 't') FORMAT DEBEZIUM ENCODE JSON INCLUDE OFFSET AS o, TIMESTAMP AS changed_at, PAYLOAD AS raw;
        CREATE MATERIALIZED VIEW v AS SELECT k, o, changed_at FROM t;";
    let topology = plan(included).unwrap_or_else(|refused| panic!("{refused}"));
    let columns = topology.declarations["t"].columns.iter();
    let columns: Vec<(&str, String)> = columns.map(|column| (column.name.as_str(), column.kind.sql_name())).collect();
    let expected = [
        ("id", "BIGINT"),
        ("k", "TEXT"),
        ("partition", "INTEGER"),
        ("o", "BIGINT"),
        ("changed_at", "TIMESTAMPTZ"),
        ("raw", "JSONB"),
    ];
    assert_eq!(columns, expected.map(|(name, kind)| (name, kind.to_owned())));
}

#[test]
fn a_dropped_table_leaves_its_topic() {
    let products = table(PRODUCTS, "", "UPSERT");
    assert!(
        plan(&format!("{products} DROP TABLE products; {products} CREATE MATERIALIZED VIEW v AS SELECT sku FROM products;"))
            .is_ok()
    );
    let read = format!("{products} CREATE MATERIALIZED VIEW v AS SELECT sku FROM products; DROP TABLE products;");
    assert!(plan(&read).is_err_and(|refused| refused.contains("still read by 'v'")));
    let twice =
        "CREATE TABLE other (sku TEXT PRIMARY KEY) WITH (connector = 'log', topic = 'products') FORMAT UPSERT ENCODE JSON;";
    assert!(plan(&format!("{products}{twice}")).is_err_and(|refused| refused.contains("is already read by")));
}

#[test]
fn what_is_not_carried_is_refused_with_what_to_write() {
    let source = "CREATE SOURCE s (sku TEXT) WITH (connector = 'log', topic = 's') FORMAT PLAIN ENCODE JSON;";
    let merge = "MERGE INTO products AS t USING s AS e ON t.sku = e.sku WHEN MATCHED THEN DELETE;";
    let written = table(PRODUCTS, "", "UPSERT");
    for (sql, said) in [
        (table("sku TEXT", "", "UPSERT"), "write PRIMARY KEY"),
        (table(PRODUCTS, "", "PLAIN"), "FORMAT UPSERT or FORMAT DEBEZIUM"),
        (table(PRODUCTS, "", "MAXWELL"), "write UPSERT or DEBEZIUM"),
        (table("sku TEXT PRIMARY KEY, price BIGINT DEFAULT 1", "", "UPSERT"), "coalesce"),
        (table("sku TEXT PRIMARY KEY, \"$op\" TEXT", "", "UPSERT"), "choose another name"),
        (table("sku TEXT PRIMARY KEY, priceCents BIGINT", "", "UPSERT"), "write \"priceCents\""),
        (table("sku TEXT PRIMARY KEY, a MONEY", "", "UPSERT"), "use BIGINT"),
        (table("sku TEXT PRIMARY KEY, a REAL", "", "UPSERT"), "write DOUBLE PRECISION"),
        (table("sku TEXT, a INTERVAL PRIMARY KEY", "", "UPSERT"), "makes no primary key"),
        (table("sku TEXT, a JSONB PRIMARY KEY", "", "UPSERT"), "'a' is JSONB, which makes no primary key"),
        (table("sku TEXT PRIMARY KEY, a STRUCT<b TEXT>", "", "UPSERT"), "declare the object as JSONB"),
        (format!("{written}DROP TABLE products;{}", source.replace("'s'", "'products'")), "by table 'products', which was dropped"),
        (table(PRODUCTS, ", deduplication = '1 day'", "UPSERT"), "deduplication"),
        (written.replace("'log'", "'kafka'"), "not supported yet"),
        (written.replace("ENCODE JSON", "ENCODE PROTOBUF"), "write JSON"),
        (written.replace("ENCODE JSON", "ENCODE JSON DEDUPLICATE BY (sku)"), "sent again"),
        (written.replace("ENCODE JSON", "ENCODE JSON INCLUDE HEADER 'trace' AS h"), "no headers"),
        (written.replace("ENCODE JSON", "ENCODE JSON INCLUDE KEY AS sku"), "another name with AS"),
        (written.replace("connector = 'log', ", ""), "add connector = 'log'"),
        (written.replace(", topic = 'products'", ""), "add topic"),
        ("CREATE TABLE t (a BIGINT PRIMARY KEY) FORMAT UPSERT ENCODE JSON;".to_owned(), "add WITH"),
        ("CREATE TABLE t (a BIGINT PRIMARY KEY) INCLUDE KEY;".to_owned(), "leave out INCLUDE"),
        (source.replace("PLAIN", "UPSERT"), "write CREATE TABLE s"),
        (source.replace("PLAIN", "DEBEZIUM"), "write CREATE TABLE s"),
        (format!("{written}{source}{merge}"), "no statement changes them"),
        (format!("{written}INSERT INTO products VALUES ('a', 1, 'b');"), "no statement changes them"),
        (table(PRODUCTS, "", "UPSERT").replace("topic = 'products'", "topic = 'tidewater.x'"), "the process itself"),
    ] {
        let refused = plan(&sql).err().unwrap_or_else(|| panic!("{sql} was planned"));
        assert!(refused.contains(said), "{sql}: {refused}");
    }
}

/// Names with quotes, and every combination of columns, make a MERGE that can be read.
#[test]
fn the_merge_of_a_table_can_be_written_by_hand() {
    let columns = "\"a\"\"b\" BIGINT, c TEXT, PRIMARY KEY (\"a\"\"b\")";
    for format in ["UPSERT", "DEBEZIUM"] {
        assert!(plan(&table(columns, "", format)).is_ok_and(|topology| topology.tables[0].merges.len() == 1), "{format}");
        assert!(plan(&table("a BIGINT, b UUID, PRIMARY KEY (b, a)", "", format)).is_ok(), "{format}");
    }
    let written = SourceFile { path: "x.sql".into(), text: table(PRODUCTS, "", "UPSERT").into() };
    assert!(parse(&[written]).is_ok());
}

#[test]
fn a_sink_of_a_table_has_its_primary_key() {
    for format in ["UPSERT", "DEBEZIUM"] {
        let sink =
            "CREATE SINK out FROM products WITH (connector = 'log', topic = 'derived.products') FORMAT UPSERT ENCODE JSON;";
        let columns = "price_cents BIGINT, sku TEXT PRIMARY KEY";
        let topology = plan(&format!("{}{sink}", table(columns, "", format))).unwrap_or_else(|refused| panic!("{refused}"));
        assert_eq!(topology.sinks[0].content, SinkContent::Upsert { key: vec![1] }, "{format}");
    }
}
