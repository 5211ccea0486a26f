//! Addresses with passwords of every kind, and texts that hold them.

use super::*;
use crate::connector::REDIS_SCHEMES;

/// Passwords that end an address too early for whoever looks for its end.
const NASTY: [&str; 16] = [
    "secret",
    "sec@ret",
    "@secret",
    "secret@@",
    "sec/ret",
    "sec'ret",
    "sec''ret",
    "sec\"ret",
    "sec ret",
    "sec\tret",
    "sec?ret",
    "sec#ret",
    "sec:ret",
    "sec://ret",
    "sec','ret",
    "p\u{e4}ss-sec\u{1f511}ret",
];

/// Returns true if a text shows no part of these passwords.
fn is_hidden(text: &str) -> bool {
    !text.contains("sec") && !text.contains("ret")
}

#[test]
fn addresses_are_checked_and_errors_quote_nothing() {
    let good = [
        "redis://h",
        "redis://h:6379/",
        "redis://:secret@h:1/0",
        "redis://user:p@ss/w@[::1]:6379/2",
        "redis://[::1]",
        "valkey://user:secret@h:6379/0",
        "unix:///run/redis.sock",
        "redis+unix:///run/redis.sock?db=1&user=u&pass=secret",
        "valkey+unix:///run/valkey.sock",
    ];
    for text in good {
        assert!(ServerUrl::parse(text, REDIS_SCHEMES).is_ok(), "{text}");
    }
    let scheme = || BadServerUrl::Scheme { schemes: REDIS_SCHEMES };
    let bad = [
        ("http://user:secret@h", scheme()),
        ("rediss://user:secret@h", scheme()),
        ("valkeys://user:secret@h", scheme()),
        ("REDIS://user:secret@h", scheme()),
        ("secret", scheme()),
        ("redis:/user:secret@h", scheme()),
        ("redis://user:secret@", BadServerUrl::Host),
        ("redis://:6379", BadServerUrl::Host),
        ("redis://secret@h:0", BadServerUrl::Port),
        ("redis://secret@h:99999", BadServerUrl::Port),
        ("redis://secret@h:port", BadServerUrl::Port),
        ("redis://sec ret@h", BadServerUrl::Space),
        ("unix://user:secret@h/run/redis.sock", BadServerUrl::Path),
        ("unix:///?pass=secret", BadServerUrl::Path),
    ];
    for (text, expected) in bad {
        let error = ServerUrl::parse(text, REDIS_SCHEMES).expect_err(text);
        assert_eq!(error, expected, "{text}");
        assert!(!error.to_string().contains("secret"), "{error}");
    }
    let told = scheme().to_string();
    assert_eq!(told, "it does not begin with 'redis://', 'valkey://', 'unix://', 'redis+unix://' or 'valkey+unix://'");
    assert_eq!(BadServerUrl::Scheme { schemes: &["redis"] }.to_string(), "it does not begin with 'redis://'");
}

#[test]
fn secrets_are_printed_by_nothing_but_their_own_name() {
    let cases = [
        ("redis://user:secret@h:1/0", "redis://***@h:1/0"),
        ("redis://user:secret@h:1/?protocol=resp3", "redis://***@h:1/?***"),
        ("redis://user:sec?ret@h:1", "redis://***"),
        ("redis://h:1/0", "redis://h:1/0"),
        ("unix:///run/redis.sock", "unix:///run/redis.sock"),
        ("unix:///run/redis.sock?user=u&pass=secret", "unix:///run/redis.sock?***"),
        ("unix:///run/redis.sock?user=u&pass=sec@ret", "unix://***"),
    ];
    for (text, expected) in cases {
        let url = ServerUrl::parse(text, REDIS_SCHEMES).expect("an address");
        assert_eq!((url.to_string(), format!("{url:?}")), (expected.to_owned(), expected.to_owned()));
        assert_eq!(url.secret(), text);
    }
}

#[test]
fn an_address_with_a_nasty_password_is_refused_or_printed_without_it() {
    for password in NASTY {
        let query = format!("unix:///run/redis.sock?pass={password}");
        for text in [format!("redis://user:{password}@h:1/0"), format!("redis://:{password}@h"), query] {
            match ServerUrl::parse(&text, REDIS_SCHEMES) {
                Ok(url) => assert!(is_hidden(&url.to_string()), "{text} is printed as {url}"),
                Err(error) => assert!(is_hidden(&error.to_string()), "{text} is refused with: {error}"),
            }
        }
    }
}

#[test]
fn a_text_keeps_its_places_and_loses_its_secrets() {
    let cases = [
        ("WITH (url = 'redis://u:secret@h:1', key = 'a')", "WITH (url = 'redis://********@h:1', key = 'a')"),
        ("'redis://:se''cr@et@h' 'a@b'", "'redis://****************@b'"),
        ("url = 'redis://h:6379/0', key = 'a:{b}'", "url = 'redis://h:6379/0', key = 'a:{b}'"),
        ("'http://[::1]:8080' || a::TEXT", "'http://[::1]:8080' || a::TEXT"),
        ("url = 'redis://user:secret'", "url = 'redis://************"),
        ("url = 'redis://user:", "url = 'redis://*****"),
        ("url = 'redis://u@h:secret'", "url = 'redis://***********"),
        ("url = 'redis://:1 secret'", "url = 'redis://**********"),
        ("'redis://h', 'redis://u:secret@h'", "'redis://*********************@h'"),
        ("'unix:///s?pass=secret')", "'unix:///s?*************"),
        ("'unix:///s?pass=a@secret')", "'unix://******************"),
        ("url = 'user:secret@h'", "url = 'user:******@h'"),
        ("'u:secret@h', 'redis://u:secret@h'", "'u:******@h', 'redis://********@h'"),
        ("'u:sec://ret@h'", "'u:*********@h'"),
        ("a::TEXT || '@'", "a::TEXT || '@'"),
        ("://", "://"),
        ("\u{fc}://\u{f6}@", "\u{fc}://*@"),
    ];
    for (text, expected) in cases {
        assert_eq!(masked(text), expected);
        assert_eq!(masked(text).chars().count(), text.chars().count());
    }
}

#[test]
fn a_line_shows_no_part_of_a_nasty_password() {
    for password in NASTY {
        let addresses = [
            format!("redis://user:{password}@h:1/0"),
            format!("redis://:{password}@h"),
            format!("http://{password}@h"),
            format!("user:{password}@h"),
            format!("redis:/user:{password}@h"),
            format!("unix:///run/redis.sock?user=u&pass={password}"),
        ];
        for address in addresses {
            let line = format!("CREATE SINK s FROM v WITH (key = 'k:{{id}}', url = '{address}', mode = 'version');");
            let shown = masked(&line);
            assert!(is_hidden(&shown), "{line} is shown as {shown}");
            assert_eq!(shown.chars().count(), line.chars().count(), "{line}");
            assert!(shown.starts_with("CREATE SINK s FROM v WITH (key = 'k:"), "{shown}");
        }
    }
}
