//! Text: the entries of the table.

use super::entry::Argument::{Of, OneOf, Small};
use super::entry::SqlType::{BigInt, Boolean, Bytea, Date, Integer, Interval, Numeric, Text, Texts, Timestamp, Timestamptz};
use super::entry::{Argument, CallForm, Entry, form};

const SAME: &[CallForm] = &[form(&[Of(Text)], Text)];
const LENGTH: &[CallForm] = &[form(&[Of(Text)], Integer)];
const BYTES: &[CallForm] = &[form(&[Of(Text)], Integer), form(&[Of(Bytea)], Integer)];
const PAIR: &[CallForm] = &[form(&[Of(Text), Of(Text)], Text)];
const JOINED: &[CallForm] = &[
    form(&[Of(Text), Of(Text)], Text),
    form(&[Of(Text), Of(BigInt)], Text),
    form(&[Of(Boolean), Of(Text)], Text),
    form(&[Of(Text), Of(Timestamptz)], Text),
    form(&[Of(Date), Of(Text)], Text),
    form(&[Of(Text), Of(Interval)], Text),
];
const WRITTEN: &[CallForm] = &[
    form(&[Of(Boolean)], Text),
    form(&[Of(Timestamptz)], Text),
    form(&[Of(Timestamp)], Text),
    form(&[Of(Date)], Text),
    form(&[Of(Interval)], Text),
    form(&[Of(Bytea)], Text),
];
const TEST: &[CallForm] = &[form(&[Of(Text), Of(Text)], Boolean)];
const CUT: &[CallForm] = &[form(&[Of(Text), Small], Text)];
const TRIMMED: &[CallForm] = &[form(&[Of(Text)], Text), form(&[Of(Text), Of(Text)], Text)];
const PADDED: &[CallForm] = &[form(&[Of(Text), Small], Text), form(&[Of(Text), Small, Of(Text)], Text)];
const PLACE: &[CallForm] = &[form(&[Of(Text), Of(Text)], Integer)];
const PART: &[CallForm] = &[
    form(&[Of(Text), Small], Text),
    form(&[Of(Text), Small, Small], Text),
    form(&[Of(Bytea), Small], Bytea),
    form(&[Of(Bytea), Small, Small], Bytea),
];
const PATTERNS: Argument =
    OneOf(&["'a%'", "'%b'", "'_'", "'%'", "'%ä%'", "'a_c'", "'\\_'", "'%\\%%'", "'__%'", "'A%C'", "''", "'%ß%'"]);
const ESCAPED: Argument = OneOf(&["'a!_c'", "'%!%%'", "'!!%'", "'%\\'", "'_!a%'", "'!%'"]);
const ESCAPES: Argument = OneOf(&["'!'", "''", "'\\'", "'ä'"]);
const REGEXES: Argument = OneOf(&[
    "'^a'",
    "'b+'",
    "'[0-9]+'",
    "'.'",
    "'(a)(b)?'",
    "'x|y'",
    "'a|ab|abc'",
    "'(a?)(ab)?c?'",
    "'[[:alpha:]]+'",
    "'\\d'",
    "'[^b]*'",
    "'\\ma'",
    "'^.*?c'",
    "'(,|b)+'",
    "'$'",
    "'b*'",
    "'[]a]'",
    "'\\yab'",
    "'a{1,2}b'",
    "'\\.'",
    "'[\\w.]+'",
]);
/// Those that mean the same in every locale.
const PLAIN_REGEXES: Argument = OneOf(&[
    "'^a'",
    "'b+'",
    "'[0-9]+'",
    "'.'",
    "'(a)(b)?'",
    "'x|y'",
    "'a|ab|abc'",
    "'(a?)(ab)?c?'",
    "'\\d'",
    "'[^b]*'",
    "'^.*?c'",
    "'(,|b)+'",
    "'$'",
    "'b*'",
    "'[]a]'",
    "'a{1,2}b'",
    "'\\.'",
]);
const HASH: &[CallForm] = &[form(&[Of(Bytea)], Bytea)];
const UUIDS: &[&str] = &[
    "'018cc251-f402-7000-8002-000000000002'",
    "'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11'",
    "'{c232ab00-9414-11ec-b3c8-9f6bdeced846}'",
    "'00000000000000000000000000000000'",
    "'a0ee-bc99-9c0b-4ef8-bb6d-6bb9-bd38-0a11'",
    "'not a uuid'",
];
const SIMILAR: Argument = OneOf(&["'a%'", "'(a|b)_*'", "'%[^b]'", "'a{1}bc'", "'_'", "'%(,|\\%)%'", "'a.c'", "'[0-9]+'", "''"]);
const LIKE: &[CallForm] = &[form(&[Of(Text), PATTERNS], Boolean)];
const LIKE_ANY: &[CallForm] = &[form(&[Of(Text), PATTERNS], Boolean), form(&[Of(Text), Of(Text)], Boolean)];
const MATCHES: &[CallForm] = &[form(&[Of(Text), REGEXES], Boolean)];
const ENCODINGS: Argument = OneOf(&["'hex'", "'base64'", "'escape'"]);
const NUMBER_PATTERNS: Argument = OneOf(&[
    "'9'",
    "'999'",
    "'000'",
    "'9.99'",
    "'FM9.99'",
    "'FM0.99'",
    "'FM999.009'",
    "'9,999'",
    "'0,000.0'",
    "'FM9,999.99'",
    "'S999.9'",
    "'999S'",
    "'999MI'",
    "'MI999'",
    "'SG999'",
    "'999PR'",
    "'FM999PR'",
    "'FMS999'",
    "'99099'",
    "'\"x\"999\"y\"'",
    "'$999,999,999.99'",
    "'FM999999999990.000'",
]);

pub(super) const ENTRIES: &[Entry] = &[
    Entry::syntax("||", "({0} || {1})", JOINED, "both, one behind the other; what is not a text is written as CAST writes it"),
    Entry::syntax("CAST AS TEXT", "CAST({0} AS TEXT)", WRITTEN, "the text form"),
    Entry::syntax(
        "LIKE",
        "({0} LIKE {1})",
        LIKE_ANY,
        "whether the text matches a pattern of % and _, with \\ before what is meant as it is",
    ),
    Entry::syntax("NOT LIKE", "({0} NOT LIKE {1})", LIKE, "the opposite of LIKE"),
    Entry::syntax(
        "LIKE ESCAPE",
        "({0} LIKE {1} ESCAPE {2})",
        &[form(&[Of(Text), ESCAPED, ESCAPES], Boolean)],
        "LIKE with another escape",
    ),
    Entry::syntax("ILIKE", "({0} ILIKE {1})", LIKE, "as LIKE, in any case of letters")
        .means("(({0} COLLATE \"C.utf8\") ILIKE {1})"),
    Entry::syntax(
        "SIMILAR TO",
        "({0} SIMILAR TO {1})",
        &[form(&[Of(Text), SIMILAR], Boolean)],
        "whether the whole text matches a pattern of %, _, |, *, +, ?, {}, () and []",
    ),
    Entry::syntax("~", "({0} ~ {1})", MATCHES, "whether a regular expression is found").means("(({0} COLLATE \"C.utf8\") ~ {1})"),
    Entry::syntax("!~", "({0} !~ {1})", MATCHES, "whether a regular expression is not found")
        .means("(({0} COLLATE \"C.utf8\") !~ {1})"),
    Entry::syntax("~*", "({0} ~* {1})", MATCHES, "as ~, in any case of letters").means("(({0} COLLATE \"C.utf8\") ~* {1})"),
    Entry::syntax(
        "POSITION",
        "POSITION({0} IN {1})",
        PLACE,
        "the place of the first text in the second, counted from 1; 0 when it is not there",
    ),
    Entry::syntax(
        "SUBSTRING",
        "SUBSTRING({0} FROM {1} FOR {2})",
        &[form(&[Of(Text), Small, Small], Text)],
        "the part from a place on, so long",
    ),
    Entry::syntax(
        "TRIM",
        "TRIM(BOTH {1} FROM {0})",
        PAIR,
        "the text without these characters at its ends; also LEADING and TRAILING",
    ),
    Entry::syntax(
        "OVERLAY",
        "OVERLAY({0} PLACING {1} FROM {2})",
        &[form(&[Of(Text), Of(Text), Small], Text)],
        "the text with a part replaced",
    ),
    Entry::call("ascii", LENGTH, "the code of the first character"),
    Entry::call("bit_length", BYTES, "the length in bits"),
    Entry::call("btrim", TRIMMED, "the text without these characters at both ends; spaces when none are given").also(&["trim"]),
    Entry::call("char_length", LENGTH, "the number of characters").also(&["character_length", "length"]),
    Entry::call("chr", &[form(&[Small], Text)], "the character of a code"),
    Entry::call("concat", JOINED, "all arguments, one behind the other").variadic().nulls("NULLs are left out"),
    Entry::call(
        "concat_ws",
        &[form(&[Of(Text), Of(Text), Of(Text)], Text), form(&[Of(Text), Of(BigInt), Of(Boolean)], Text)],
        "all arguments but the first, which stands between them",
    )
    .variadic()
    .nulls("NULL when the first is; other NULLs are left out"),
    Entry::call("decode", &[form(&[Of(Text), ENCODINGS], Bytea)], "the bytes that a text stands for"),
    Entry::call("encode", &[form(&[Of(Bytea), ENCODINGS], Text)], "bytes as text"),
    Entry::call(
        "format",
        &[
            form(&[OneOf(&["'%s-%s'", "'%2$s %1$s %%'", "'[%10s|%-5s]'", "'%I=%L'", "'%s %s'"]), Of(Text), Of(BigInt)], Text),
            form(&[OneOf(&["'%s'", "'%L'"]), Of(Timestamptz)], Text),
        ],
        "a template with %s for a text, %I for a name, %L for a literal and %% for a percent sign, filled in",
    )
    .variadic()
    .nulls("a NULL template makes NULL; %s of NULL is empty, %L of NULL is NULL"),
    Entry::call("initcap", SAME, "every word with a capital letter").means("(initcap({0} COLLATE \"C.utf8\") COLLATE \"C\")"),
    Entry::call("left", CUT, "the first characters; with a negative number all but the last"),
    Entry::call("like", LIKE_ANY, "the same as LIKE").means("\"like\"({0}, {1})"),
    Entry::call("like_escape", &[form(&[Of(Text), ESCAPES], Text)], "a pattern of LIKE ... ESCAPE as one whose escape is \\"),
    Entry::call("lower", SAME, "in small letters, letter by letter").means("(lower({0} COLLATE \"C.utf8\") COLLATE \"C\")"),
    Entry::call("lpad", PADDED, "the text filled up at its beginning, or cut"),
    Entry::call("ltrim", TRIMMED, "the text without these characters at its beginning"),
    Entry::call("octet_length", BYTES, "the number of bytes"),
    Entry::call(
        "overlay",
        &[form(&[Of(Text), Of(Text), Small], Text), form(&[Of(Text), Of(Text), Small, Small], Text)],
        "the text with a part replaced",
    ),
    Entry::call("quote_ident", SAME, "the text as a name of SQL, in quotes where it needs them").not_in_postgres(),
    Entry::call("quote_literal", SAME, "the text as a literal of SQL"),
    Entry::call(
        "regexp_count",
        &[form(&[Of(Text), PLAIN_REGEXES], Integer), form(&[Of(Text), PLAIN_REGEXES, Small], Integer)],
        "how often a regular expression is found",
    ),
    Entry::call(
        "regexp_like",
        &[form(&[Of(Text), PLAIN_REGEXES], Boolean), form(&[Of(Text), PLAIN_REGEXES, OneOf(&["'i'", "'c'"])], Boolean)],
        "whether a regular expression is found; 'i' for any case of letters",
    ),
    Entry::call(
        "regexp_instr",
        &[
            form(&[Of(Text), PLAIN_REGEXES], Integer),
            form(&[Of(Text), PLAIN_REGEXES, Small, Small], Integer),
            form(&[Of(Text), PLAIN_REGEXES, OneOf(&["1", "2"]), OneOf(&["1", "2"]), OneOf(&["0", "1"])], Integer),
            form(
                &[Of(Text), PLAIN_REGEXES, OneOf(&["1"]), OneOf(&["1"]), OneOf(&["0"]), OneOf(&["'i'"]), OneOf(&["0", "1", "2"])],
                Integer,
            ),
        ],
        "the place of a match of a regular expression, counted from 1: from a place on, the match of a number, 1 for the place behind it, flags, \
         the group of a number; 0 when there is none",
    ),
    Entry::call(
        "regexp_match",
        &[form(&[Of(Text), PLAIN_REGEXES], Texts)],
        "the groups of the first match, or the whole of it; NULL when there is none",
    ),
    Entry::call(
        "regexp_replace",
        &[
            form(&[Of(Text), PLAIN_REGEXES, OneOf(&["'X'", "''", "'<\\&>'", "'\\1-\\2'", "'\\\\'"])], Text),
            form(&[Of(Text), PLAIN_REGEXES, OneOf(&["'X'", "'<\\&>'", "'\\1'"]), OneOf(&["'g'", "'gi'", "''"])], Text),
        ],
        "the text with the first match replaced, with 'g' every match; \\1 is the first group, \\& the match",
    ),
    Entry::call(
        "regexp_split_to_array",
        &[form(&[Of(Text), PLAIN_REGEXES], Texts), form(&[Of(Text), PLAIN_REGEXES, OneOf(&["'i'", "''"])], Texts)],
        "the parts of a text between the matches of a regular expression",
    ),
    Entry::call(
        "regexp_substr",
        &[
            form(&[Of(Text), PLAIN_REGEXES], Text),
            form(&[Of(Text), PLAIN_REGEXES, Small, Small], Text),
            form(&[Of(Text), PLAIN_REGEXES, OneOf(&["1", "2"]), OneOf(&["1", "2"]), OneOf(&["'i'"])], Text),
            form(&[Of(Text), PLAIN_REGEXES, OneOf(&["1"]), OneOf(&["1"]), OneOf(&["''"]), OneOf(&["0", "1", "2"])], Text),
        ],
        "a match of a regular expression: from a place on, the match of a number, flags, the group of a number; NULL when there is none",
    ),
    Entry::call("md5", &[form(&[Of(Text)], Text), form(&[Of(Bytea)], Text)], "the MD5 hash in hexadecimal digits"),
    Entry::call("sha224", HASH, "the SHA-224 hash; of a text: sha224(CAST(text AS BYTEA))"),
    Entry::call("sha256", HASH, "the SHA-256 hash"),
    Entry::call("sha384", HASH, "the SHA-384 hash"),
    Entry::call("sha512", HASH, "the SHA-512 hash"),
    Entry::call(
        "uuid_extract_version",
        &[form(&[OneOf(UUIDS)], Integer)],
        "the version of a UUID of RFC 9562; NULL for any other; as in PostgreSQL 17",
    )
    .not_in_postgres(),
    Entry::call(
        "uuid_extract_timestamp",
        &[form(&[OneOf(UUIDS)], Timestamptz)],
        "the time in a UUID of version 1 or 7; NULL for any other; as in PostgreSQL 18",
    )
    .not_in_postgres(),
    Entry::call("repeat", CUT, "the text so many times"),
    Entry::call("replace", &[form(&[Of(Text), Of(Text), Of(Text)], Text)], "the text with every occurrence replaced"),
    Entry::call("reverse", SAME, "the characters in opposite order"),
    Entry::call("right", CUT, "the last characters; with a negative number all but the first"),
    Entry::call("rpad", PADDED, "the text filled up at its end, or cut"),
    Entry::call("rtrim", TRIMMED, "the text without these characters at its end"),
    Entry::call(
        "split_part",
        &[form(&[Of(Text), Of(Text), Small], Text)],
        "one of the parts between separators, counted from 1, or from -1 at the end",
    ),
    Entry::call("starts_with", TEST, "whether the text begins with another"),
    Entry::call("strpos", PLACE, "the place of the second text in the first, counted from 1; 0 when it is not there"),
    Entry::call("substr", PART, "the part from a place on").also(&["substring"]),
    Entry::call(
        "to_char",
        &[form(&[Of(BigInt), NUMBER_PATTERNS], Text), form(&[Of(Numeric), NUMBER_PATTERNS], Text)],
        "a number in a pattern such as 'FM999,990.00'",
    ),
    Entry::call("to_hex", &[form(&[Of(BigInt)], Text), form(&[Of(Integer)], Text)], "the number in hexadecimal digits"),
    Entry::call("translate", &[form(&[Of(Text), Of(Text), Of(Text)], Text)], "the text with characters replaced one by one"),
    Entry::call("upper", SAME, "in capital letters, letter by letter").means("(upper({0} COLLATE \"C.utf8\") COLLATE \"C\")"),
];
