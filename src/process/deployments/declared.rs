//! Statements with the topology that they declare.

use std::path::{Path, PathBuf};

use language::diagnostic::SourceFile;
use language::load::{LoadError, build_within, is_proto, lack_messages, read_folder};
use language::plan::limits::patience::Patience;
use language::topology::Topology;

/// Statements and what they declare.
pub struct Declared {
    /// the statements
    pub files: Vec<SourceFile>,
    /// the topology that they declare
    pub topology: Topology,
}

impl Declared {
    /// The statements of a directory.
    pub fn load(directory: &Path) -> Result<Self, LoadError> {
        Self::of(read_folder(directory)?)
    }

    /// The statements of several directories as one topology: no two of them may give one name to two things.
    pub fn load_all(directories: &[PathBuf]) -> Result<Self, LoadError> {
        let mut files = Vec::new();
        for directory in directories {
            files.extend(read_folder(directory)?);
        }
        Self::of(files)
    }

    /// Plans statements.
    pub fn of(files: Vec<SourceFile>) -> Result<Self, LoadError> {
        Self::within(files, Patience::default())
    }

    /// Plans statements as long as someone has patience for it.
    pub(super) fn within(files: Vec<SourceFile>, patience: Patience) -> Result<Self, LoadError> {
        let topology = build_within(&files, patience).map_err(|diagnostics| LoadError::Invalid { diagnostics })?;
        Ok(Self { files, topology })
    }
}

/// Statements of a generation with the `.proto` files among others, where they name messages and have none: an earlier version had the messages
/// of the social network built in.
pub fn with_messages(mut files: Vec<SourceFile>, others: &[SourceFile]) -> Vec<SourceFile> {
    if lack_messages(&files) {
        files.extend(others.iter().filter(|file| is_proto(&file.path)).cloned());
    }
    files
}

#[cfg(test)]
mod tests {
    use language::load::{inline, inline_beside};

    use super::*;

    #[test]
    fn statements_of_a_version_with_messages_built_in_are_read_with_the_files_of_others() {
        let earlier = "CREATE SOURCE users WITH (connector = 'log', topic = 'social.user')
                         FORMAT PLAIN ENCODE PROTOBUF (message = 'social.v1.UserEvent');";
        let others = inline_beside("a.sql", "", &testkit::social::proto_files());
        let files = with_messages(vec![inline("users.sql", earlier)], &others);
        assert_eq!(files.len(), others.len(), "the statements of others are not taken");
        assert_eq!(Declared::of(files).unwrap_or_else(|error| panic!("{error}")).topology.sources.len(), 1);
        let refused = Declared::of(vec![inline("users.sql", earlier)]).err().map(|error| error.to_string()).unwrap();
        assert!(refused.contains("put its .proto file beside the .sql files"), "{refused}");
        let own = vec![inline("users.sql", earlier), inline("user.proto", "syntax = 'proto3';")];
        assert_eq!(with_messages(own.clone(), &others), own);
        let none = vec![inline("bids.sql", "CREATE SOURCE b (a BIGINT) WITH (connector = 'log', topic = 'b') FORMAT PLAIN ENCODE JSON;")];
        assert_eq!(with_messages(none.clone(), &others), none);
    }
}
