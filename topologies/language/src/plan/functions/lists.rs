//! Lists: the entries of the table.

use super::entry::Argument::{Of, Small};
use super::entry::SqlType::{BigInt, BigInts, Boolean, Integer, Text, Texts};
use super::entry::{CallForm, Entry, form};
use crate::plan::list_functions;

const MADE: &[CallForm] = &[form(&[Of(BigInt), Of(Integer)], BigInts), form(&[Of(Text), Of(Text)], Texts)];
const ELEMENT: &[CallForm] = &[form(&[Of(BigInts), Small], BigInt), form(&[Of(Texts), Small], Text)];
const BOTH: &[CallForm] = &[form(&[Of(BigInts), Of(BigInts)], BigInts), form(&[Of(Texts), Of(Texts)], Texts)];
const APPENDED: &[CallForm] = &[form(&[Of(BigInts), Of(BigInt)], BigInts), form(&[Of(Texts), Of(Text)], Texts)];
const PREPENDED: &[CallForm] = &[form(&[Of(BigInt), Of(BigInts)], BigInts), form(&[Of(Text), Of(Texts)], Texts)];
const CONTAINS: &[CallForm] = &[form(&[Of(BigInts), Of(BigInt)], Boolean), form(&[Of(Texts), Of(Text)], Boolean)];
const CONTAIN: &[CallForm] = &[form(&[Of(BigInts), Of(BigInts)], Boolean), form(&[Of(Texts), Of(Texts)], Boolean)];
const LENGTH: &[CallForm] = &[form(&[Of(BigInts), Small], Integer), form(&[Of(Texts), Small], Integer)];
const COUNT: &[CallForm] = &[form(&[Of(BigInts)], Integer), form(&[Of(Texts)], Integer)];
const SAME: &[CallForm] = &[form(&[Of(BigInts)], BigInts), form(&[Of(Texts)], Texts)];
const ONE: &[CallForm] = &[form(&[Of(BigInts)], BigInt), form(&[Of(Texts)], Text)];
const POSITION: &[CallForm] = &[form(&[Of(BigInts), Of(BigInt)], Integer), form(&[Of(Texts), Of(Text)], Integer)];
const TRIMMED: &[CallForm] = &[form(&[Of(BigInts), Small], BigInts), form(&[Of(Texts), Small], Texts)];
const POSITIONS: &[CallForm] = &[form(&[Of(BigInts), Of(BigInt)], BigInts), form(&[Of(Texts), Of(Text)], BigInts)];
const REPLACED: &[CallForm] =
    &[form(&[Of(BigInts), Of(BigInt), Of(BigInt)], BigInts), form(&[Of(Texts), Of(Text), Of(Text)], Texts)];

pub(super) const ENTRIES: &[Entry] = &[
    Entry::syntax("ARRAY", "ARRAY[{0}, {1}]", MADE, "a list of values").nulls("NULL becomes an element"),
    Entry::syntax("[]", "({0})[{1}]", ELEMENT, "the element at a place, counted from 1; NULL outside of the list"),
    Entry::datafusion("make_array", MADE, "a list of values; the same as ARRAY[...]")
        .variadic()
        .nulls("NULL becomes an element")
        .means("ARRAY[{0}, {1}]"),
    Entry::datafusion("array_append", APPENDED, "the list with one more element at its end").nulls("a NULL list is empty"),
    Entry::datafusion("array_prepend", PREPENDED, "the list with one more element at its beginning")
        .nulls("a NULL list is empty"),
    Entry::datafusion("array_concat", BOTH, "both lists, one behind the other").also(&["array_cat"]).means("array_cat({0}, {1})"),
    Entry::own("array_has", CONTAINS, "whether the list has the element", list_functions::array_has).means("({1} = ANY({0}))"),
    Entry::own("array_has_all", CONTAIN, "whether the first list has every element of the second", list_functions::array_has_all)
        .means("({0} @> {1})"),
    Entry::own("array_has_any", CONTAIN, "whether the lists share an element", list_functions::array_has_any)
        .means("({0} && {1})"),
    Entry::datafusion("array_length", LENGTH, "the number of elements of a dimension; NULL for an empty list"),
    Entry::datafusion("cardinality", COUNT, "the number of elements; 0 for an empty list"),
    Entry::datafusion("array_position", POSITION, "the place of the first equal element, counted from 1")
        .nulls("NULL is found as an element; NULL for a NULL list or when nothing is equal"),
    Entry::own("array_positions", POSITIONS, "the places of all equal elements, counted from 1", list_functions::array_positions)
        .means("CAST(array_positions({0}, {1}) AS BIGINT[])")
        .nulls("NULL is found as an element"),
    Entry::own("trim_array", TRIMMED, "the list without so many elements at its end", list_functions::trim_array),
    Entry::own("array_remove", APPENDED, "the list without the elements that are equal", list_functions::array_remove)
        .nulls("NULL is removed as an element"),
    Entry::datafusion("array_replace", REPLACED, "the list with every equal element replaced")
        .named_there("array_replace_all")
        .nulls("NULL is replaced as an element"),
    Entry::datafusion("array_distinct", SAME, "the list with every element once").not_in_postgres(),
    Entry::datafusion("array_union", BOTH, "the elements of both lists, each once").not_in_postgres(),
    Entry::datafusion("array_intersect", BOTH, "the elements that both lists have, each once").not_in_postgres(),
    Entry::datafusion("array_except", BOTH, "the elements of the first list that the second does not have").not_in_postgres(),
    Entry::datafusion("array_sort", SAME, "the list in ascending order").not_in_postgres(),
    Entry::datafusion("array_reverse", SAME, "the list in opposite order").not_in_postgres(),
    Entry::datafusion("array_max", ONE, "the greatest element").means("(SELECT max(x) FROM unnest({0}) AS t(x))"),
    Entry::datafusion("array_min", ONE, "the least element").means("(SELECT min(x) FROM unnest({0}) AS t(x))"),
    Entry::datafusion("array_pop_back", SAME, "the list without its last element").not_in_postgres(),
    Entry::datafusion("array_pop_front", SAME, "the list without its first element").not_in_postgres(),
    Entry::datafusion("string_to_array", &[form(&[Of(Text), Of(Text)], Texts)], "the parts of a text between separators")
        .nulls("without a separator every character is a part"),
    Entry::datafusion("array_to_string", &[form(&[Of(Texts), Of(Text)], Text)], "the elements as one text with a separator")
        .nulls("NULL elements are left out"),
];
