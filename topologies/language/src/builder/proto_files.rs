//! The `.proto` files beside the statements, each compiled once for all sources that name it.
//!
//! Owns [`ProtoFiles`]. The texts enter; messages leave.

use std::collections::BTreeMap;

use schemas::topic::message::{CompiledFile, MessageError, MessageEvents, ProtoFile};

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

    /// The name of the file that declares a message. Files that can't be compiled declare none.
    pub(super) fn declaring(&mut self, message: &str) -> Option<String> {
        let names: Vec<String> = self.names().map(str::to_owned).collect();
        let declares = |name: &String| self.compiled(name).as_ref().is_ok_and(|file| file.declares(name, message));
        names.into_iter().find(declares)
    }

    /// The first file that can't be compiled, with the reason.
    pub(super) fn broken(&mut self) -> Option<(String, MessageError)> {
        let names: Vec<String> = self.names().map(str::to_owned).collect();
        names.into_iter().find_map(|name| self.compiled(&name).as_ref().err().cloned().map(|error| (name, error)))
    }

    /// The full names of the messages of all files.
    pub(super) fn messages(&mut self) -> Vec<String> {
        let names: Vec<String> = self.names().map(str::to_owned).collect();
        names.into_iter().flat_map(|name| self.compiled(&name).as_ref().map_or_else(|_| Vec::new(), CompiledFile::names)).collect()
    }

    /// The events of a topic that are a message of one of the files.
    pub(super) fn events(&mut self, location: &str, message: &str, topic: &str) -> Result<MessageEvents, MessageError> {
        match self.compiled(location) {
            Ok(file) => file.events(message, topic),
            Err(error) => Err(error.clone()),
        }
    }

    fn compiled(&mut self, location: &str) -> &Result<CompiledFile, MessageError> {
        let compile = || CompiledFile::compile(&self.files, location);
        self.compiled.entry(location.to_owned()).or_insert_with(compile)
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
        assert!(files.events("m.proto", "A", "t").is_ok());
        let broken = files.events("broken.proto", "M", "t");
        assert!(matches!(broken, Err(MessageError::NotCompiled { .. })), "{broken:?}");
        // What is gone can't be compiled again.
        files.files.clear();
        assert!(matches!(files.events("m.proto", "B", "t"), Ok(MessageEvents::Plain(message)) if message.name() == "B"));
        assert_eq!(files.events("broken.proto", "M", "t"), broken);
    }

    #[test]
    fn a_message_without_a_file_is_looked_for_in_all() {
        let file = |name: &str, text: &str| ProtoFile { name: name.to_owned(), text: text.to_owned() };
        let files = [
            file("a.proto", "message M {"),
            file("b.proto", "syntax = 'proto3'; import 'c.proto'; message B { C c = 1; }"),
            file("c.proto", "syntax = 'proto3'; message C { int64 id = 1; }"),
        ];
        let mut files = ProtoFiles::of(files.to_vec());
        let declaring = ["B", "C", "M"].map(|message| files.declaring(message));
        assert_eq!(declaring, [Some("b.proto".to_owned()), Some("c.proto".to_owned()), None]);
    }
}
