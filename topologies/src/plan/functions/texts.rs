//! Text: the entries of the table.

use super::table::Argument::{Of, OneOf, Small};
use super::table::SqlType::{BigInt, Boolean, Bytea, Integer, Text, Texts};
use super::table::{Argument, Entry, Form, form};

const SAME: &[Form] = &[form(&[Of(Text)], Text)];
const LENGTH: &[Form] = &[form(&[Of(Text)], Integer)];
const PAIR: &[Form] = &[form(&[Of(Text), Of(Text)], Text)];
const TEST: &[Form] = &[form(&[Of(Text), Of(Text)], Boolean)];
const CUT: &[Form] = &[form(&[Of(Text), Small], Text)];
const TRIMMED: &[Form] = &[form(&[Of(Text)], Text), form(&[Of(Text), Of(Text)], Text)];
const PADDED: &[Form] = &[form(&[Of(Text), Small], Text), form(&[Of(Text), Small, Of(Text)], Text)];
const PLACE: &[Form] = &[form(&[Of(Text), Of(Text)], Integer)];
const PATTERNS: Argument = OneOf(&["'a%'", "'%b'", "'_'", "'%'", "'%ä%'", "'a_c'"]);
const REGEXES: Argument = OneOf(&["'^a'", "'b+'", "'[0-9]+'", "'.'", "'(a)(b)?'", "'x|y'"]);
const LIKE: &[Form] = &[form(&[Of(Text), PATTERNS], Boolean)];
const MATCHES: &[Form] = &[form(&[Of(Text), REGEXES], Boolean)];

pub(super) const ENTRIES: &[Entry] = &[
    Entry::syntax("||", "({0} || {1})", PAIR, "both texts, one behind the other"),
    Entry::syntax("LIKE", "({0} LIKE {1})", LIKE, "whether the text matches a pattern of % and _"),
    Entry::syntax("NOT LIKE", "({0} NOT LIKE {1})", LIKE, "the opposite of LIKE"),
    Entry::syntax("ILIKE", "({0} ILIKE {1})", LIKE, "as LIKE, in any case of letters"),
    Entry::syntax("~", "({0} ~ {1})", MATCHES, "whether a regular expression is found"),
    Entry::syntax("!~", "({0} !~ {1})", MATCHES, "whether a regular expression is not found"),
    Entry::syntax("~*", "({0} ~* {1})", MATCHES, "as ~, in any case of letters"),
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
    Entry::syntax("TRIM", "TRIM(BOTH {1} FROM {0})", PAIR, "the text without these characters at its ends"),
    Entry::syntax(
        "OVERLAY",
        "OVERLAY({0} PLACING {1} FROM {2})",
        &[form(&[Of(Text), Of(Text), Small], Text)],
        "the text with a part replaced",
    ),
    Entry::datafusion("ascii", LENGTH, "the code of the first character"),
    Entry::datafusion("bit_length", LENGTH, "the length in bits"),
    Entry::datafusion("btrim", TRIMMED, "the text without these characters at both ends; spaces when none are given")
        .also(&["trim"]),
    Entry::datafusion("character_length", LENGTH, "the number of characters").also(&["char_length", "length"]),
    Entry::datafusion("chr", &[form(&[Small], Text)], "the character of a code"),
    Entry::datafusion("concat", PAIR, "all arguments, one behind the other").variadic().nulls("NULLs are left out"),
    Entry::datafusion(
        "concat_ws",
        &[form(&[Of(Text), Of(Text), Of(Text)], Text)],
        "all arguments but the first, which stands between them",
    )
    .variadic()
    .nulls("NULL when the first is; other NULLs are left out"),
    Entry::datafusion("decode", &[form(&[Of(Text), OneOf(&["'hex'", "'base64'"])], Bytea)], "the bytes that a text stands for"),
    Entry::datafusion("encode", &[form(&[Of(Bytea), OneOf(&["'hex'", "'base64'"])], Text)], "bytes as text"),
    Entry::datafusion("initcap", SAME, "every word with a capital letter"),
    Entry::datafusion("left", CUT, "the first characters; with a negative number all but the last"),
    Entry::datafusion("lower", SAME, "in small letters"),
    Entry::datafusion("lpad", PADDED, "the text filled up at its beginning, or cut"),
    Entry::datafusion("ltrim", TRIMMED, "the text without these characters at its beginning"),
    Entry::datafusion("octet_length", LENGTH, "the number of bytes"),
    Entry::datafusion("regexp_like", MATCHES, "whether a regular expression is found"),
    Entry::datafusion("regexp_replace", &[form(&[Of(Text), REGEXES, Of(Text)], Text)], "the text with the first match replaced"),
    Entry::datafusion("repeat", CUT, "the text so many times"),
    Entry::datafusion("replace", &[form(&[Of(Text), Of(Text), Of(Text)], Text)], "the text with every occurrence replaced"),
    Entry::datafusion("reverse", SAME, "the characters in opposite order"),
    Entry::datafusion("right", CUT, "the last characters; with a negative number all but the first"),
    Entry::datafusion("rpad", PADDED, "the text filled up at its end, or cut"),
    Entry::datafusion("rtrim", TRIMMED, "the text without these characters at its end"),
    Entry::datafusion(
        "split_part",
        &[form(&[Of(Text), Of(Text), Small], Text)],
        "one of the parts between separators, counted from 1",
    ),
    Entry::datafusion("starts_with", TEST, "whether the text begins with another"),
    Entry::datafusion("strpos", PLACE, "the place of the second text in the first, counted from 1; 0 when it is not there"),
    Entry::datafusion(
        "substr",
        &[form(&[Of(Text), Small], Text), form(&[Of(Text), Small, Small], Text)],
        "the part from a place on",
    )
    .also(&["substring"]),
    Entry::datafusion("to_hex", &[form(&[Of(BigInt)], Text), form(&[Of(Integer)], Text)], "the number in hexadecimal digits"),
    Entry::datafusion(
        "translate",
        &[form(&[Of(Text), Of(Text), Of(Text)], Text)],
        "the text with characters replaced one by one",
    ),
    Entry::datafusion("upper", SAME, "in capital letters"),
    Entry::datafusion("overlay", &[form(&[Of(Text), Of(Text), Small], Text)], "the text with a part replaced")
        .means("overlay({0} placing {1} from {2})"),
    Entry::datafusion("regexp_match", &[form(&[Of(Text), REGEXES], Texts)], "the groups of the first match"),
];
