//! Lists of names in which none may be there twice.

use super::statement::Name;
use crate::diagnostic::Diagnostic;

/// Refuses a list in which a name comes twice.
pub fn distinct(names: Vec<Name>, what: &str) -> Result<Vec<Name>, Diagnostic> {
    for (index, name) in names.iter().enumerate() {
        if names[..index].iter().any(|before| before.text == name.text) {
            return Err(Diagnostic::new(name.location.clone(), format!("the {what} '{}' is named twice", name.text)));
        }
    }
    Ok(names)
}
