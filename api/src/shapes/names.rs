//! Names in the words of SQL: `a,"b c"` and `"public"."posts"`.

/// Names between separators, quoted or not; `None` where one is missing or a quote is not closed. A quoted name may have the separator in it,
/// and a quote that is written twice. Others may have blanks around them.
pub(super) fn names(text: &str, separator: char) -> Option<Vec<String>> {
    let mut names = Vec::new();
    let mut rest = text;
    loop {
        let (name, behind) = name(rest.trim_ascii_start(), separator)?;
        names.push(name);
        let behind = behind.trim_ascii_start();
        if behind.is_empty() {
            return Some(names);
        }
        rest = behind.strip_prefix(separator)?;
    }
}

/// The name at the beginning of a text, and what is behind it.
fn name(text: &str, separator: char) -> Option<(String, &str)> {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find(separator).unwrap_or(text.len());
        let (name, behind) = text.split_at(end);
        let name = name.trim_ascii();
        return (!name.is_empty() && !name.contains('"')).then(|| (name.to_owned(), behind));
    };
    let (name, behind) = quoted_text(quoted, '"')?;
    (!name.is_empty()).then_some((name, behind))
}

/// A text up to the quote that closes it, in which the quote is written twice, and what is behind it.
pub(super) fn quoted_text(text: &str, quote: char) -> Option<(String, &str)> {
    let mut content = String::new();
    let mut rest = text;
    loop {
        let (before, behind) = rest.split_once(quote)?;
        content.push_str(before);
        match behind.strip_prefix(quote) {
            Some(behind) => {
                content.push(quote);
                rest = behind;
            }
            None => return Some((content, behind)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_may_be_quoted() {
        let of = |text: &str, separator| names(text, separator).map(|names| names.join("|"));
        assert_eq!(of("id, \"a,b\" ,\"c\"\"d\"", ',').as_deref(), Some("id|a,b|c\"d"));
        assert_eq!(of("\"public\".\"posts\"", '.').as_deref(), Some("public|posts"));
        assert_eq!(of("posts", '.').as_deref(), Some("posts"));
        for text in ["", "a,", ",a", "a,,b", "\"a", "\"\"", "\"a\"b", "a\"b\""] {
            assert_eq!(of(text, ','), None, "{text}");
        }
    }
}
