//! Durations, and values that are quoted without the passwords in them.

use super::*;

#[test]
fn durations_of_every_unit() {
    for (text, micros) in [
        ("7 days", 604_800_000_000),
        ("1 week", 604_800_000_000),
        ("7d", 604_800_000_000),
        ("36 hours", 129_600_000_000),
        ("1 day 12 Hours", 129_600_000_000),
        (" 90s ", 90_000_000),
        ("1min", 60_000_000),
        ("2 ms 1 us", 2_001),
        ("0 days", 0),
    ] {
        assert_eq!(duration_micros(text), Ok(micros), "{text}");
    }
}

#[test]
fn what_is_no_duration_says_what_to_do() {
    for (text, help) in [
        ("", DURATION_HELP),
        ("  ", DURATION_HELP),
        ("7", DURATION_HELP),
        ("days", DURATION_HELP),
        ("-1 days", DURATION_HELP),
        ("1.5 days", DURATION_HELP),
        ("7 days,", DURATION_HELP),
        ("7 dayz", "did you mean 'days'?"),
        ("1 fortnight", "the units are microseconds, milliseconds, seconds, minutes, hours, days and weeks"),
        ("1 month", "months and years differ in length: write days"),
        ("9223372036854775807 weeks", "this is longer than 292,000 years"),
        ("106751991 days 106751991 days", "this is longer than 292,000 years"),
        ("99999999999999999999 days", DURATION_HELP),
    ] {
        assert_eq!(duration_micros(text), Err(NotADuration::new(help)), "{text}");
    }
}

/// Passwords that end an address too early for whoever looks for its end.
const PASSWORDS: [&str; 7] = ["secret", "sec@ret", "sec ret", "sec''ret", "sec\nret", "sec?ret", "sec://ret"];

fn shows_password(text: &str) -> bool {
    text.contains("sec") || text.contains("ret")
}

#[test]
fn an_error_of_an_option_shows_no_password_of_its_value() {
    for password in PASSWORDS {
        let location = Location { file: "a.sql".into(), line: 1, column: 1, length: 1, line_text: "".into() };
        let name = Name { text: "size".into(), location: location.clone() };
        for text in [format!("redis://user:{password}@h"), format!("user:{password}@h")] {
            let entry = OptionEntry { name: name.clone(), text, location: location.clone() };
            let twice = entry.check("a list", &["size"], std::slice::from_ref(&entry)).expect_err("it is given twice");
            let messages = [
                entry.count(9).expect_err("no number").message,
                entry.duration().expect_err("no duration").message,
                twice.help.expect("it quotes the first value"),
            ];
            for message in messages {
                assert!(message.contains('*') && !shows_password(&message), "{message}");
            }
        }
    }
}

#[test]
fn no_diagnostic_of_a_statement_shows_a_password() {
    let statements = [
        "CREATE SINK s FROM v WITH (connector = 'redis', type = 'invalidate', key = 'k', url = 'http://user:PASSWORD@h');",
        "CREATE SINK s FROM v WITH (connector = 'redis', type = 'redis://user:PASSWORD@h');",
        "CREATE SINK s FROM v WITH (connector = 'redis://user:PASSWORD@h');",
        "CREATE SINK s FROM v WITH (connector 'redis://user:PASSWORD@h');",
        "CREATE SINK s FROM v WITH (url = 'redis://user:PASSWORD@h', bogus = 1);",
        "CREATE SINK s FROM v WITH (url = 'user:PASSWORD@h' 1);",
        "CREATE VIEW 'redis://user:PASSWORD@h' AS SELECT 1;",
    ];
    for statement in statements {
        for password in ["sec@ret", "sec ret", "sec''ret", "sec://ret"] {
            let text = statement.replace("PASSWORD", password);
            let file = crate::diagnostic::SourceFile { path: "a.sql".into(), text: text.as_str().into() };
            for error in crate::parse::parse(&[file]).expect_err(&text) {
                // Words of the grammar may be in the help, such as seconds.
                let shown = format!("{} {}", error.message, error.location.line_text);
                assert!(!shows_password(&shown), "{text}: {shown}");
            }
        }
    }
}
