//! Expressions from the table, nested up to three deep, written for us and for PostgreSQL.

use language::plan::functions::table::{Argument, CallForm, Entry, PostgresReference, SqlType};
use testkit::random::Random;

use super::world::{COLUMNS, texts};

/// Greatest depth of nested calls.
const DEPTH_MAX: usize = 3;

/// An expression as both write it.
pub struct Expression {
    /// the function on its outside, or what else names its kind
    pub name: String,
    /// for us
    pub ours: String,
    /// for PostgreSQL
    pub theirs: String,
    /// the type of the result
    pub result: SqlType,
}

/// Makes expressions.
pub struct Generator {
    /// entries that are tried: each form in turn
    tried: Vec<(&'static Entry, &'static CallForm)>,
    /// entries that arguments are made of
    inner: Vec<(&'static Entry, &'static CallForm)>,
}

/// The same text for both, mostly.
type Pair = (String, String);

impl Generator {
    pub fn new(tried: Vec<&'static Entry>, inner: Vec<&'static Entry>) -> Self {
        let forms = |entries: Vec<&'static Entry>| {
            entries.into_iter().flat_map(|entry| entry.forms.iter().map(move |form| (entry, form))).collect::<Vec<_>>()
        };
        let inner = inner.into_iter().filter(|entry| entry.reference != PostgresReference::Nothing).collect();
        let generator = Self { tried: forms(tried), inner: forms(inner) };
        assert!(!generator.tried.is_empty(), "no function of the table is tried");
        generator
    }

    /// The expression of a number: every form of every entry in turn.
    pub fn expression(&self, seed: u64, number: u64) -> Expression {
        let mut random = Random::new(seed.wrapping_mul(1_000_003).wrapping_add(number));
        let number = usize::try_from(number).expect("a small number");
        let (entry, form) = self.tried[number % self.tried.len()];
        let depth = 1 + (number / self.tried.len()) % DEPTH_MAX;
        let (ours, theirs) = self.call(entry, form, depth - 1, &mut random);
        Expression { name: entry.name.to_owned(), ours, theirs, result: form.result }
    }

    fn call(&self, entry: &Entry, form: &CallForm, depth: usize, random: &mut Random) -> Pair {
        let pairs: Vec<Pair> = form.arguments.iter().map(|argument| self.argument(*argument, depth, random)).collect();
        let (ours, theirs): (Vec<String>, Vec<String>) = pairs.into_iter().unzip();
        let reference = entry.write_reference(&theirs).expect("PostgreSQL has it");
        (entry.write(&ours), reference)
    }

    fn argument(&self, argument: Argument, depth: usize, random: &mut Random) -> Pair {
        let same = |text: String| (text.clone(), text);
        match argument {
            Argument::OneOf(choices) => same((*random.pick(choices)).to_owned()),
            Argument::Small => same((*random.pick(&["0", "1", "2", "3", "-1", "-2", "5", "CAST(NULL AS INTEGER)"])).to_owned()),
            Argument::Of(kind) => {
                let calls: Vec<_> = self.inner.iter().filter(|(_, form)| form.result == kind).collect();
                if depth > 0 && !calls.is_empty() && !random.one_in(4) {
                    let (entry, form) = random.pick(&calls);
                    return self.call(entry, form, depth - 1, random);
                }
                same(leaf(kind, random))
            }
        }
    }
}

/// A column or a literal.
fn leaf(kind: SqlType, random: &mut Random) -> String {
    let columns: Vec<&str> = COLUMNS.iter().filter(|(_, _, of)| *of == kind).map(|(name, _, _)| *name).collect();
    if !columns.is_empty() && !random.one_in(4) {
        return format!("\"{}\"", random.pick(&columns));
    }
    if random.one_in(12) {
        return format!("CAST(NULL AS {})", kind.name());
    }
    let text = *random.pick(texts(kind));
    let mut list = |element: SqlType| {
        let items: Vec<String> = (0..1 + random.below(3)).map(|_| leaf(element, random)).collect();
        format!("ARRAY[{}]", items.join(", "))
    };
    match kind {
        SqlType::BigInts => list(SqlType::BigInt),
        SqlType::Texts => list(SqlType::Text),
        SqlType::Integer | SqlType::Numeric if text.starts_with('-') => format!("({text})"),
        SqlType::Integer | SqlType::Numeric | SqlType::Boolean => text.to_owned(),
        SqlType::Interval => format!("INTERVAL '{text}'"),
        _ => format!("CAST('{}' AS {})", text.replace('\'', "''"), kind.name()),
    }
}
