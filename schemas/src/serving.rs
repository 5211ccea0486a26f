//! Served views, their indexes, and their readers.
//!
//! Owns the vocabulary between the planner, which decides it, and the sinks and the API, which obey it.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::field::{FieldKind, Value, field_ends};
use crate::row::Row;

/// One column of a view.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// its name, as SQL and the API spell it
    pub name: String,
    /// its type
    pub kind: FieldKind,
}

/// One column of an index and its direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IndexColumn {
    /// position of the column in the view
    pub column: usize,
    /// newest or largest first
    pub descending: bool,
}

/// An index: the order in which a view is kept and served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Index {
    /// its name
    pub name: String,
    /// the columns it orders by; rows that agree in all of them are ordered by the remaining columns of the view
    pub columns: Vec<IndexColumn>,
    /// the most rows served for one value of the first column; `None` serves all
    pub limit: Option<usize>,
}

/// A view that is kept, with its indexes (at least one).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct View {
    /// its name
    pub name: String,
    /// its columns in the order of its SELECT
    pub columns: Vec<Column>,
    /// the orders it is kept in
    pub indexes: Vec<Index>,
    /// readers who may read it
    pub access: Access,
    /// seconds for which whoever has a page of it may use the page without asking again; `None` when nothing is said about it
    pub max_age: Option<u32>,
}

/// A full-text index of a view: what is found in it, and what a hit shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SearchIndex {
    /// its name
    pub name: String,
    /// the view whose rows are found, and whose policies say who finds them
    pub view: String,
    /// positions of the columns whose words are found; of type TEXT, at least one
    pub searched: Vec<usize>,
    /// positions of the columns that can be compared, ordered by and counted, those that policies compare among them
    pub included: Vec<usize>,
    /// positions of the included columns that policies compare: their values narrow a search before anything is looked at
    pub guarded: Vec<usize>,
    /// positions of the columns that tell rows apart; empty when only the whole row does
    pub key: Vec<usize>,
    /// the language whose endings are taken off, so that `runs` finds `running`; `None` finds words as they are written
    pub stemmer: Option<Language>,
    /// letters that a prefix has at least
    pub prefix_letters: usize,
    /// the column whose values are suggested; `None` suggests words of the searched columns
    pub suggested: Option<usize>,
    /// the included column by which suggested values are ordered, largest first; `None` orders by the number of rows
    pub popularity: Option<usize>,
}

impl SearchIndex {
    /// The columns of a hit: the searched ones, then the included ones, each once.
    pub fn columns(&self) -> Vec<usize> {
        let mut columns = self.searched.clone();
        columns.extend(self.included.iter().filter(|column| !self.searched.contains(column)));
        columns
    }
}

/// A language whose endings are known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "each is the language of its name")]
pub enum Language {
    Danish,
    Dutch,
    English,
    Finnish,
    French,
    German,
    Italian,
    Norwegian,
    Portuguese,
    Russian,
    Spanish,
    Swedish,
}

impl Language {
    /// Every language with its code and its name in SQL.
    pub const ALL: &[(Self, &str, &str)] = &[
        (Self::Danish, "da", "danish"),
        (Self::Dutch, "nl", "dutch"),
        (Self::English, "en", "english"),
        (Self::Finnish, "fi", "finnish"),
        (Self::French, "fr", "french"),
        (Self::German, "de", "german"),
        (Self::Italian, "it", "italian"),
        (Self::Norwegian, "no", "norwegian"),
        (Self::Portuguese, "pt", "portuguese"),
        (Self::Russian, "ru", "russian"),
        (Self::Spanish, "es", "spanish"),
        (Self::Swedish, "sv", "swedish"),
    ];

    /// The language of a code such as `en`.
    pub fn of_code(code: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, known, _)| *known == code).map(|(language, ..)| *language)
    }

    /// The language of a name such as `english`.
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, _, known)| *known == name).map(|(language, ..)| *language)
    }
}

/// Readers of a view. Nobody, unless a statement says so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Access {
    /// neither GRANT nor POLICY: the API does not know the view
    Denied,
    /// GRANT SELECT TO PUBLIC
    Public,
    /// a row is visible when one of the policies holds
    Policies(Vec<Policy>),
}

impl Access {
    /// The columns that its policies compare, ascending.
    pub fn compared_columns(&self) -> Vec<usize> {
        let mut columns = Vec::new();
        if let Self::Policies(policies) = self {
            policies.iter().for_each(|policy| policy.add_columns(&mut columns));
        }
        columns.sort_unstable();
        columns.dedup();
        columns
    }

    /// Returns true unless it is certain that each reader sees no more rows than by `before`.
    ///
    /// Nobody is less than some policies, and these are less than everyone. A list of policies is certain to show no more than another one
    /// when each way to pass it has all conditions of a way to pass the other. Columns are compared by their names: `columns` are those of
    /// the view now, `before_columns` those that it had. The values in them, and policies with too many alternatives, are not compared.
    pub fn wider_than(&self, columns: &[Column], before: &Self, before_columns: &[Column]) -> bool {
        match (before, self) {
            (_, Self::Denied) | (Self::Public, _) => false,
            (Self::Denied, _) | (_, Self::Public) => true,
            (Self::Policies(known), Self::Policies(asked)) => {
                let names = |columns: &[Column]| columns.iter().map(|column| column.name.clone()).collect::<Vec<_>>();
                if known == asked && names(columns) == names(before_columns) {
                    return false;
                }
                match (any_of(known, before_columns), any_of(asked, columns)) {
                    (Some(known), Some(asked)) => !asked.iter().all(|new| known.iter().any(|old| old.is_subset(new))),
                    _ => true,
                }
            }
        }
    }

    /// Describes the readers: `nobody`, `everyone`, or the policies as SQL has them.
    pub fn describe(&self, columns: &[Column]) -> String {
        match self {
            Self::Denied => "nobody".to_owned(),
            Self::Public => "everyone".to_owned(),
            Self::Policies(policies) => {
                let described = policies.iter().map(|policy| policy.describe(columns)).collect::<Vec<_>>();
                format!("where {}", described.join(" or "))
            }
        }
    }
}

/// Most alternatives of the policies of a view that are compared with those of another.
const ALTERNATIVES_MAX: usize = 256;

/// A condition of a policy with the name of its column.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum NamedCondition<'p> {
    ColumnIsClaim(&'p str, &'p str),
    ListHasClaim(&'p str, &'p str),
    ColumnIs(&'p str, &'p str),
    ClaimIs(&'p str, &'p str),
}

/// Conditions that are all to hold.
type Alternative<'p> = BTreeSet<NamedCondition<'p>>;

/// The ways to pass one of several policies; `None` when they are too many.
fn any_of<'p>(policies: &'p [Policy], columns: &'p [Column]) -> Option<Vec<Alternative<'p>>> {
    let mut all = Vec::new();
    for policy in policies {
        all.extend(policy.alternatives(columns)?);
        if all.len() > ALTERNATIVES_MAX {
            return None;
        }
    }
    Some(all)
}

/// The ways to pass several policies at once; `None` when they are too many.
fn all_of<'p>(policies: &'p [Policy], columns: &'p [Column]) -> Option<Vec<Alternative<'p>>> {
    let mut all = vec![Alternative::new()];
    for policy in policies {
        let further = policy.alternatives(columns)?;
        if all.len() * further.len() > ALTERNATIVES_MAX {
            return None;
        }
        all = all.iter().flat_map(|one| further.iter().map(move |more| one | more)).collect();
    }
    Some(all)
}

/// A condition on a row and the claims of a verified token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Policy {
    /// a column equals a claim of the token; a claim that is missing equals nothing
    ColumnIsClaim {
        /// position of the column
        column: usize,
        /// name of the claim, such as `sub`
        claim: String,
    },
    /// a list has an element that equals a claim of the token; a claim that is missing equals nothing
    ListHasClaim {
        /// position of the column
        column: usize,
        /// name of the claim, such as `sub`
        claim: String,
    },
    /// a column equals a constant, written as JSON
    ColumnIs {
        /// position of the column
        column: usize,
        /// the constant in the form the API prints it
        json: String,
    },
    /// a claim equals a constant
    ClaimIs {
        /// name of the claim
        claim: String,
        /// the constant
        text: String,
    },
    /// all hold
    All(Vec<Policy>),
    /// one holds
    Any(Vec<Policy>),
}

impl Policy {
    /// True when it looks into a list, which no index of words can.
    pub fn looks_into_lists(&self) -> bool {
        match self {
            Self::ListHasClaim { .. } => true,
            Self::ColumnIsClaim { .. } | Self::ColumnIs { .. } | Self::ClaimIs { .. } => false,
            Self::All(policies) | Self::Any(policies) => policies.iter().any(Self::looks_into_lists),
        }
    }

    /// The ways to pass it; `None` when they are too many.
    fn alternatives<'p>(&'p self, columns: &'p [Column]) -> Option<Vec<Alternative<'p>>> {
        let name = |column: usize| columns[column].name.as_str();
        let condition = match self {
            Self::ColumnIsClaim { column, claim } => NamedCondition::ColumnIsClaim(name(*column), claim),
            Self::ListHasClaim { column, claim } => NamedCondition::ListHasClaim(name(*column), claim),
            Self::ColumnIs { column, json } => NamedCondition::ColumnIs(name(*column), json),
            Self::ClaimIs { claim, text } => NamedCondition::ClaimIs(claim, text),
            Self::All(policies) => return all_of(policies, columns),
            Self::Any(policies) => return any_of(policies, columns),
        };
        Some(vec![Alternative::from([condition])])
    }

    /// Describes it as SQL has it.
    fn describe(&self, columns: &[Column]) -> String {
        let name = |column: usize| &columns[column].name;
        match self {
            Self::ColumnIsClaim { column, claim } => format!("{} = jwt('{claim}')", name(*column)),
            Self::ListHasClaim { column, claim } => format!("jwt('{claim}') = ANY ({})", name(*column)),
            Self::ColumnIs { column, json } => format!("{} = {json}", name(*column)),
            Self::ClaimIs { claim, text } => format!("jwt('{claim}') = '{text}'"),
            Self::All(policies) => joined(policies, " and ", columns),
            Self::Any(policies) => joined(policies, " or ", columns),
        }
    }

    fn add_columns(&self, columns: &mut Vec<usize>) {
        match self {
            Self::ColumnIsClaim { column, .. } | Self::ListHasClaim { column, .. } | Self::ColumnIs { column, .. } => {
                columns.push(*column);
            }
            Self::ClaimIs { .. } => {}
            Self::All(policies) | Self::Any(policies) => policies.iter().for_each(|policy| policy.add_columns(columns)),
        }
    }
}

/// Several policies in brackets.
fn joined(policies: &[Policy], word: &str, columns: &[Column]) -> String {
    let described: Vec<String> = policies.iter().map(|policy| policy.describe(columns)).collect();
    format!("({})", described.join(word))
}

/// Layout of a view's rows in one of its indexes: the index columns first, then the others in the view's order.
///
/// Fields of descending columns are stored with every bit inverted, so that byte order is the index's order.
#[derive(Clone, Debug)]
pub struct IndexLayout {
    /// the view's column at each place of the stored row
    pub order: Vec<usize>,
    /// the kind at each place of the stored row
    pub kinds: Vec<FieldKind>,
    /// true if the field at each place is inverted
    pub inverted: Vec<bool>,
    view_kinds: Arc<[FieldKind]>,
}

impl IndexLayout {
    /// The layout of `index` over a view with `columns`.
    pub fn new(columns: &[Column], index: &Index) -> Self {
        let mut order: Vec<usize> = Vec::with_capacity(columns.len());
        let mut inverted = Vec::with_capacity(columns.len());
        for column in &index.columns {
            if !order.contains(&column.column) {
                order.push(column.column);
                inverted.push(column.descending);
            }
        }
        for column in 0..columns.len() {
            if !order.contains(&column) {
                order.push(column);
                inverted.push(false);
            }
        }
        let kinds = order.iter().map(|&column| columns[column].kind.clone()).collect();
        Self { order, kinds, inverted, view_kinds: columns.iter().map(|column| column.kind.clone()).collect() }
    }

    /// The stored form of a row of the view.
    pub fn store(&self, row: &[u8]) -> Row {
        let ends = field_ends(&self.view_kinds, row);
        let mut stored = Row::empty();
        for (place, &column) in self.order.iter().enumerate() {
            let start = if column == 0 { 0 } else { ends[column - 1] };
            let at = stored.len();
            stored.extend(&row[start..ends[column]]);
            if self.inverted[place] {
                invert(stored.tail_mut(at));
            }
        }
        stored
    }

    /// The encoded form of one value at a place of the stored row, for the bounds of a range.
    pub fn store_value(&self, place: usize, value: &Value<'_>) -> Row {
        let mut field = Row::empty();
        self.kinds[place].write(value, &mut field);
        if self.inverted[place] {
            invert(field.tail_mut(0));
        }
        field
    }

    /// The stored row in ascending form, and where its fields end: what [`FieldKind::read`] takes.
    pub fn load(&self, stored: &[u8]) -> (Row, crate::field::FieldEnds) {
        let mut row = Row::from_bytes(stored);
        let mut ends = crate::field::FieldEnds::new();
        let mut at = 0;
        for (kind, &inverted) in self.kinds.iter().zip(&self.inverted) {
            let end = if inverted { kind.invert_field(row.tail_mut(0), at) } else { kind.end(row.as_bytes(), at) };
            ends.push(end);
            at = end;
        }
        (row, ends)
    }
}

fn invert(bytes: &mut [u8]) {
    bytes.iter_mut().for_each(|byte| *byte = !*byte);
}

#[cfg(test)]
mod tests;
