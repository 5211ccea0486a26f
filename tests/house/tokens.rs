//! Rust source as a list of words and signs, without comments, texts and what is compiled for tests alone.
//!
//! The text of a file enters, its tokens leave. Enough to find paths and definitions; it is no parser.

/// The words and signs of a file. Items under `#[cfg(test)]` are left out.
pub fn tokens(text: &str) -> Vec<String> {
    without_tests(scan(text))
}

/// Names of the modules that are declared under `#[cfg(test)]`: `#[cfg(test)] mod tests;`.
pub fn test_modules(text: &str) -> Vec<String> {
    let all = scan(text);
    let mut names = Vec::new();
    let mut at = 0;
    while at < all.len() {
        if let Some(item) = after_test_attribute(&all, at) {
            let item = item_start(&all, item);
            if all.get(item).is_some_and(|word| word == "mod") {
                names.extend(all.get(item + 1).cloned());
            }
            at = item;
        }
        at += 1;
    }
    names
}

/// The words and signs of a file, those of its tests too.
pub fn scan(text: &str) -> Vec<String> {
    let letters: Vec<char> = text.chars().collect();
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(&letter) = letters.get(at) {
        let next = letters.get(at + 1).copied();
        if letter == '/' && next == Some('/') {
            at = end_of_line(&letters, at);
        } else if letter == '/' && next == Some('*') {
            at = end_of_comment(&letters, at);
        } else if let Some(end) = end_of_text(&letters, at) {
            found.push("\"\"".to_owned());
            at = end;
        } else if letter.is_alphanumeric() || letter == '_' {
            let end =
                (at..letters.len()).find(|&end| !letters[end].is_alphanumeric() && letters[end] != '_').unwrap_or(letters.len());
            found.push(letters[at..end].iter().collect());
            at = end;
        } else if letter == ':' && next == Some(':') {
            found.push("::".to_owned());
            at += 2;
        } else {
            if !letter.is_whitespace() {
                found.push(letter.to_string());
            }
            at += 1;
        }
    }
    found
}

fn end_of_line(letters: &[char], from: usize) -> usize {
    (from..letters.len()).find(|&at| letters[at] == '\n').unwrap_or(letters.len())
}

fn end_of_comment(letters: &[char], from: usize) -> usize {
    let mut depth = 0;
    let mut at = from;
    while at + 1 < letters.len() {
        match (letters[at], letters[at + 1]) {
            ('/', '*') => (depth, at) = (depth + 1, at + 1),
            ('*', '/') if depth == 1 => return at + 2,
            ('*', '/') => (depth, at) = (depth - 1, at + 1),
            _ => {}
        }
        at += 1;
    }
    letters.len()
}

/// Place behind a text or a character that begins here: "…", r#"…"#, b"…", '…'. A lifetime is none.
fn end_of_text(letters: &[char], from: usize) -> Option<usize> {
    let is_word = |letter: char| letter.is_alphanumeric() || letter == '_';
    let mut at = from;
    if matches!(letters[at], 'b' | 'c' | 'r') && (from == 0 || !is_word(letters[from - 1])) {
        at += usize::from(letters[at] != 'r');
        let raw = letters.get(at) == Some(&'r');
        at += usize::from(raw);
        let marks = letters[at..].iter().take_while(|&&letter| letter == '#').count();
        if raw && letters.get(at + marks) == Some(&'"') {
            let closes = |place: usize| {
                letters[place] == '"' && letters[place + 1..].iter().take(marks).filter(|&&l| l == '#').count() == marks
            };
            return (at + marks + 1..letters.len()).find(|&place| closes(place)).map(|place| place + 1 + marks);
        }
    }
    match letters.get(at)? {
        '"' => quoted(letters, at, '"'),
        '\'' if letters.get(at + 1) == Some(&'\\') || letters.get(at + 2) == Some(&'\'') => quoted(letters, at, '\''),
        _ => None,
    }
}

fn quoted(letters: &[char], from: usize, mark: char) -> Option<usize> {
    let mut at = from + 1;
    while *letters.get(at)? != mark {
        at += 1 + usize::from(letters[at] == '\\');
    }
    Some(at + 1)
}

/// Place behind `#[cfg(test)]`, if it stands here.
fn after_test_attribute(all: &[String], at: usize) -> Option<usize> {
    let attribute = ["#", "[", "cfg", "(", "test", ")", "]"];
    let end = at + attribute.len();
    all.get(at..end).filter(|words| words.iter().zip(attribute).all(|(word, wanted)| word == wanted)).map(|_| end)
}

/// Place of an item's first word behind its visibility and further attributes.
fn item_start(all: &[String], mut at: usize) -> usize {
    loop {
        match all.get(at).map(String::as_str) {
            Some("#") => at = closing(all, at + 1),
            Some("pub") if all.get(at + 1).is_some_and(|sign| sign == "(") => at = closing(all, at + 1),
            Some("pub") => at += 1,
            _ => return at,
        }
    }
}

/// Place behind the bracket that closes the one at `at`.
fn closing(all: &[String], at: usize) -> usize {
    let mut depth = 0;
    for (place, word) in all.iter().enumerate().skip(at) {
        match word.as_str() {
            "(" | "[" | "{" => depth += 1,
            ")" | "]" | "}" => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return place + 1;
        }
    }
    all.len()
}

fn without_tests(all: Vec<String>) -> Vec<String> {
    let mut kept = Vec::with_capacity(all.len());
    let mut at = 0;
    while at < all.len() {
        let Some(item) = after_test_attribute(&all, at) else {
            kept.push(all[at].clone());
            at += 1;
            continue;
        };
        at = item_start(&all, item);
        // An item ends with its block or its semicolon, whichever comes first.
        while at < all.len() && all[at] != ";" && all[at] != "{" {
            at = if all[at] == "(" || all[at] == "[" { closing(&all, at) } else { at + 1 };
        }
        at = if all.get(at).is_some_and(|sign| sign == "{") { closing(&all, at) } else { at + 1 };
    }
    kept
}

#[test]
fn comments_texts_and_tests_are_left_out() {
    let text = "use a::b; // c\n/* d /* e */ */ let x: &'f str = \"g \\\" h\"; r#\"i \" j\"#; '{';\n#[cfg(test)]\nmod tests { use super::k; }\nfn l() {}";
    assert_eq!(tokens(text).join(" "), "use a :: b ; let x : & ' f str = \"\" ; \"\" ; \"\" ; fn l ( ) { }");
    assert_eq!(test_modules("mod a;\n#[cfg(test)]\nmod b;\n#[cfg(test)]\npub(crate) mod c;"), ["b", "c"]);
}
