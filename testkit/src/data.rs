//! The published data that some tests compare with, where they are at hand.

use std::path::PathBuf;

/// The variable that names their folder.
const FOLDER: &str = "TIDEWATER_DATA";

/// The folder of the published data; `None` where none was named: a test that then compares nothing has to say so.
///
/// # Panics
/// When a folder was named that does not hold them: a test must not pass for want of its data.
pub fn folder() -> Option<PathBuf> {
    let folder = PathBuf::from(std::env::var_os(FOLDER)?);
    assert!(folder.join("social").is_dir(), "{FOLDER} names {}, which has no folder 'social'", folder.display());
    Some(folder)
}
