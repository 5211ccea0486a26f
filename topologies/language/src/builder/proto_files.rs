//! The `.proto` files beside the statements, each compiled once for all sources that name it.
//!
//! Owns [`ProtoFiles`]. The texts enter; messages leave.

use std::collections::BTreeMap;

use schemas::topic::message::{CompiledFile, DeclaredMessage, MessageError, ProtoFile};

/// Files that import one another, and what was compiled of them.
#[derive(Default)]
pub(super) struct ProtoFiles {
    files: Vec<ProtoFile>,
    compiled: BTreeMap<String, Result<CompiledFile, MessageError>>,
}

impl ProtoFiles {
    /// Files of which none is compiled yet.
    pub(super) fn of(files: Vec<ProtoFile>) -> Self {
        Self { files, compiled: BTreeMap::new() }
    }

    /// The names of the files.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.files.iter().map(|file| file.name.as_str())
    }

    /// A message of one of the files.
    pub(super) fn message(&mut self, location: &str, message: &str) -> Result<DeclaredMessage, MessageError> {
        if !self.compiled.contains_key(location) {
            self.compiled.insert(location.to_owned(), CompiledFile::compile(&self.files, location));
        }
        match &self.compiled[location] {
            Ok(file) => file.message(message),
            Err(error) => Err(error.clone()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_compiled_once() {
        let file = |name: &str, text: &str| ProtoFile { name: name.to_owned(), text: text.to_owned() };
        let messages = "syntax = 'proto3'; message A { int64 id = 1; } message B { int64 id = 1; }";
        let mut files = ProtoFiles::of(vec![file("m.proto", messages), file("broken.proto", "message M {")]);
        assert!(files.message("m.proto", "A").is_ok());
        let broken = files.message("broken.proto", "M");
        assert!(matches!(broken, Err(MessageError::NotCompiled { .. })), "{broken:?}");
        // What is gone can't be compiled again.
        files.files.clear();
        assert_eq!(files.message("m.proto", "B").map(|message| message.name().to_owned()), Ok("B".to_owned()));
        assert_eq!(files.message("broken.proto", "M"), broken);
    }
}
