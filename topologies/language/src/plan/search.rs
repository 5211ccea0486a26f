//! `CREATE INDEX ... USING FULLTEXT`: from the names of columns to what an index keeps.
//!
//! Owns what is checked: that the columns are there and of types that can be searched, compared or ordered by. What the policies of the
//! view compare is included when all statements are known ([`guard`]).

use schemas::field::FieldKind;
use schemas::serving::{Access, SearchIndex};

use crate::diagnostic::{Diagnostic, suggestion};
use crate::parse::{Name, SearchOptions};

/// The view that is indexed.
pub struct Indexed<'a> {
    /// its name
    pub view: &'a str,
    /// the names of its columns
    pub names: &'a [String],
    /// their types
    pub kinds: &'a [FieldKind],
    /// the columns of its primary key, if it has one
    pub key: Vec<usize>,
}

/// Plans an index.
pub fn plan(
    indexed: Indexed<'_>,
    name: String,
    searched: &[Name],
    included: &[Name],
    options: &SearchOptions,
) -> Result<SearchIndex, Diagnostic> {
    let searched = searched.iter().map(|name| indexed.text_column(name, "searched")).collect::<Result<Vec<_>, _>>()?;
    let included = included.iter().map(|name| indexed.column(name)).collect::<Result<Vec<_>, _>>()?;
    let suggested = match &options.suggested {
        None => None,
        Some(name) => {
            let column = indexed.text_column(name, "suggested")?;
            if !searched.contains(&column) && !included.contains(&column) {
                return Err(not_included(name, "suggested"));
            }
            Some(column)
        }
    };
    let popularity = match &options.popularity {
        None => None,
        Some(name) => {
            let column = indexed.column(name)?;
            if !included.contains(&column) {
                return Err(not_included(name, "what suggestions are ordered by"));
            }
            Some(indexed.number(name, column)?)
        }
    };
    if let (Some(name), None) = (&options.popularity, suggested) {
        let diagnostic = Diagnostic::new(name.location.clone(), "words are suggested by the number of rows they occur in");
        return Err(diagnostic.with_help("leave out popularity, or say which column is suggested: suggest = 'column'"));
    }
    Ok(SearchIndex {
        name,
        view: indexed.view.to_owned(),
        searched,
        included,
        guarded: Vec::new(),
        key: indexed.key,
        stemmer: options.stemmer,
        prefix_letters: options.prefix_letters,
        suggested,
        popularity,
    })
}

/// Includes the columns that the policies of the view compare.
pub fn guard(index: &mut SearchIndex, access: &Access) {
    index.guarded = access.compared_columns();
    let missing = index.guarded.iter().filter(|column| !index.included.contains(column));
    index.included.extend(missing.copied().collect::<Vec<_>>());
}

impl Indexed<'_> {
    fn column(&self, name: &Name) -> Result<usize, Diagnostic> {
        self.names.iter().position(|known| *known == name.text).ok_or_else(|| {
            let near = suggestion(&name.text, self.names.iter().map(String::as_str));
            let help = near.map_or_else(|| format!("it has {}", self.names.join(", ")), |near| format!("did you mean '{near}'?"));
            Diagnostic::new(name.location.clone(), format!("'{}' has no column '{}'", self.view, name.text)).with_help(help)
        })
    }

    fn text_column(&self, name: &Name, what: &str) -> Result<usize, Diagnostic> {
        let column = self.column(name)?;
        if self.kinds[column] == FieldKind::Text {
            return Ok(column);
        }
        let message = format!("'{}' is {} and can't be {what}", name.text, self.kinds[column].sql_name());
        let help = "only TEXT can: cast it in a view, or join a list with array_to_string(column, ' ')";
        Err(Diagnostic::new(name.location.clone(), message).with_help(help))
    }

    fn number(&self, name: &Name, column: usize) -> Result<usize, Diagnostic> {
        use FieldKind::{Float64, Int16, Int32, Int64, UInt64};
        if matches!(self.kinds[column], Int16 | Int32 | Int64 | UInt64 | Float64) {
            return Ok(column);
        }
        let message = format!("'{}' is {} and no popularity", name.text, self.kinds[column].sql_name());
        Err(Diagnostic::new(name.location.clone(), message)
            .with_help("a popularity is a number: cast it to BIGINT or DOUBLE PRECISION"))
    }
}

fn not_included(name: &Name, what: &str) -> Diagnostic {
    let message = format!("'{}' is {what} but not in the index", name.text);
    Diagnostic::new(name.location.clone(), message).with_help(format!("add it: INCLUDE ({})", name.text))
}
