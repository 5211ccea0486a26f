//! The grammar, against texts that are JSON and texts that nearly are.

use super::*;

fn read(bytes: &[u8]) -> Result<JsonToken<'_>, Fault> {
    let mut reader = Reader::new(bytes);
    let token = reader.value()?;
    reader.end()?;
    Ok(token)
}

#[test]
fn values_are_read() {
    for (text, token) in [
        ("null", JsonToken::Null),
        (" true\t", JsonToken::Boolean(true)),
        ("false\r\n", JsonToken::Boolean(false)),
        ("0", JsonToken::Number("0")),
        ("-0.50e+10", JsonToken::Number("-0.50e+10")),
        ("12E3", JsonToken::Number("12E3")),
        ("{}", JsonToken::Object("{}")),
        (r#" {"a":[1,{"b":null}],"a":""} "#, JsonToken::Object(r#"{"a":[1,{"b":null}],"a":""}"#)),
        ("[1, [2 ]]", JsonToken::Array("[1, [2 ]]")),
        (r#""""#, JsonToken::Text("".into())),
        (r#""é 𝄞""#, JsonToken::Text("é 𝄞".into())),
        (r#""\"\\\/\b\f\n\r\tx""#, JsonToken::Text("\"\\/\u{8}\u{c}\n\r\tx".into())),
        (r#""\u00e9\uD834\uDd1e\u0000""#, JsonToken::Text("é𝄞\0".into())),
    ] {
        assert_eq!(read(text.as_bytes()), Ok(token), "{text}");
    }
}

#[test]
fn a_text_without_escapes_is_not_copied() {
    assert!(matches!(read(br#""plain""#), Ok(JsonToken::Text(Cow::Borrowed("plain")))));
}

#[test]
fn what_is_not_json_is_refused() {
    let texts = [
        "",
        " ",
        "nul",
        "nulll",
        "True",
        "01",
        "-",
        "1.",
        ".5",
        "1e",
        "+1",
        "1 2",
        "{",
        "{a:1}",
        "{\"a\"}",
        "{\"a\":}",
        "{\"a\":1,}",
        "{,}",
        "[",
        "[1",
        "[1,]",
        "[1 2]",
        "]",
        "\"",
        "\"a",
        "\"\\x\"",
        "\"\\u12\"",
        "\"\\u12g4\"",
        "\"\\",
        "\"a\nb\"",
        "\"a\0b\"",
        "\u{feff}1",
        "'a'",
        "NaN",
        "{\"a\":1}}",
        "/* */1",
    ];
    for text in texts {
        assert_eq!(read(text.as_bytes()).map_err(|fault| fault.reason), Err(Reason::NotJson), "{text}");
        let serde: Result<serde_json::Value, _> = serde_json::from_str(text);
        assert!(serde.is_err(), "{text}");
    }
}

#[test]
fn bytes_that_are_not_utf8_are_told_inside_texts_only() {
    for (bytes, reason) in [
        (b"\"a\xFFb\"".as_slice(), Reason::InvalidUtf8),
        (b"{\"\xC3\":1}", Reason::InvalidUtf8),
        (b"\"\xED\xA0\x80\"", Reason::InvalidUtf8),
        (br#""\ud800""#, Reason::InvalidUtf8),
        (br#""\udc00""#, Reason::InvalidUtf8),
        (br#""\ud800\u0041""#, Reason::InvalidUtf8),
        (br#""\ud800\ud800""#, Reason::InvalidUtf8),
        (b"\xFF", Reason::NotJson),
        (b"1\xFF", Reason::NotJson),
        (b"[1,\xFF]", Reason::NotJson),
        (b"{\"a\"\xFF", Reason::NotJson),
    ] {
        assert_eq!(read(bytes).map_err(|fault| fault.reason), Err(reason), "{}", String::from_utf8_lossy(bytes));
    }
}

#[test]
fn nesting_ends_at_the_limit() {
    let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
    assert!(read(nested(NESTING_DEPTH_MAX).as_bytes()).is_ok());
    for text in [nested(NESTING_DEPTH_MAX + 1), "[".repeat(1_000_000), "{\"a\":".repeat(1_000_000)] {
        assert_eq!(read(text.as_bytes()).map_err(|fault| fault.reason), Err(Reason::TooDeep));
    }
}

#[test]
fn it_agrees_with_another_reader_on_changed_texts() {
    let text = br#"{"a":[1,-2.5e3,"x\u00e9\n",null,true,{"b":{}}],"c":""}"#;
    let signs = b"{}[]\",:\\u0-.eE1tn \x80\xC3";
    for at in 0..text.len() {
        for sign in signs {
            let mut changed = text.to_vec();
            changed[at] = *sign;
            let serde = serde_json::from_slice::<serde_json::Value>(&changed);
            assert_eq!(read(&changed).is_ok(), serde.is_ok(), "{}", String::from_utf8_lossy(&changed));
        }
        assert!(read(&text[..at]).is_err());
    }
}
