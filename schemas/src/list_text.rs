//! Lists as PostgreSQL writes them in a text: `{a,"b,c",NULL}`.

/// The items of a list `{a,"b,c",NULL}`; `None` when it is none. An item is `None` for NULL.
pub fn list_items(text: &str) -> Option<Vec<Option<String>>> {
    let inner = text.trim_ascii().strip_prefix('{')?.strip_suffix('}')?;
    if inner.trim_ascii().is_empty() {
        return Some(Vec::new());
    }
    let (mut items, mut item, mut is_quoted, mut in_quotes) = (Vec::new(), String::new(), false, false);
    let mut finish = |item: &mut String, is_quoted: &mut bool| {
        let text = if *is_quoted { std::mem::take(item) } else { std::mem::take(item).trim_ascii().to_owned() };
        let is_null = !*is_quoted && text.eq_ignore_ascii_case("null");
        let is_missing = !*is_quoted && text.is_empty();
        *is_quoted = false;
        items.push((!is_null).then_some(text));
        !is_missing
    };
    let mut characters = inner.chars();
    while let Some(character) = characters.next() {
        match character {
            '"' if in_quotes => in_quotes = false,
            '"' if !is_quoted && item.trim_ascii().is_empty() => {
                item.clear();
                (is_quoted, in_quotes) = (true, true);
            }
            '"' => return None,
            '\\' => item.push(characters.next()?),
            ',' if !in_quotes => {
                if !finish(&mut item, &mut is_quoted) {
                    return None;
                }
            }
            '{' | '}' if !in_quotes => return None,
            blank if is_quoted && !in_quotes && blank.is_ascii_whitespace() => {}
            _ if is_quoted && !in_quotes => return None,
            other => item.push(other),
        }
    }
    if in_quotes || !finish(&mut item, &mut is_quoted) {
        return None;
    }
    Some(items)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_are_told_from_quotes_and_from_null() {
        let items = |text: &str| list_items(text).map(|items| items.into_iter().map(|item| item.unwrap_or("NULL".into())).collect());
        let read = |items: &[&str]| Some(items.iter().map(|&item| item.to_owned()).collect::<Vec<String>>());
        assert_eq!(items(" {} "), read(&[]));
        assert_eq!(items(r#"{a, "b,\"c" ,NULL,"null"}"#), read(&["a", "b,\"c", "NULL", "null"]));
        for text in ["", "a", "{a", "{a,}", "{a}b", "{\"a\"b}", "{{a}}"] {
            assert_eq!(list_items(text), None, "{text}");
        }
    }
}
