//! A new project: a directory with a small topology that runs as it is, to be changed into one's own.
//!
//! Owns the files, which are in the program (`template`), and the rules for names. A path enters; the directory is there afterwards, or the
//! reason why not. No file that exists is ever written over.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use crate::file_error::FileError;

/// Most letters of a project's name.
const NAME_LETTERS_MAX: usize = 64;
/// Stands for the name of the project in a file of the template.
const NAME_MARK: &str = "{name}";

/// A file of the template.
struct TemplateFile {
    name: &'static str,
    text: &'static str,
}

/// The files of a project, in the order in which they are listed.
const FILES: [TemplateFile; 5] = [
    TemplateFile { name: "README.md", text: include_str!("template/README.md") },
    TemplateFile { name: "topology.sql", text: include_str!("template/topology.sql") },
    TemplateFile { name: "topology.slt", text: include_str!("template/topology.slt") },
    TemplateFile { name: "events.jsonl", text: include_str!("template/events.jsonl") },
    TemplateFile { name: ".gitignore", text: include_str!("template/gitignore") },
];

/// A project that was made.
#[derive(Debug)]
pub struct NewProject {
    /// its directory
    pub directory: PathBuf,
    /// names of its files
    pub files: Vec<&'static str>,
}

/// Reason why a project was not made.
#[derive(Debug, thiserror::Error)]
pub enum ProjectError {
    /// the last part of the path cannot be the name of a project
    #[error(
        "'{name}' is not a name for a project: write letters, digits, '-' and '_', a letter first and at most {NAME_LETTERS_MAX}, \
         as in 'tidewater new shop'"
    )]
    BadName {
        /// the name
        name: String,
    },
    /// the directory is not empty
    #[error("'{}' is not empty: choose another name, or move its files away", directory.display())]
    NotEmpty {
        /// the directory
        directory: PathBuf,
    },
    /// a file of this name is there
    #[error("'{}' is a file: choose another name", path.display())]
    NotADirectory {
        /// the file
        path: PathBuf,
    },
    /// a file or directory cannot be written or read
    #[error(transparent)]
    File(#[from] FileError),
}

/// Makes a project in a directory, which is made when it is not there and has to be empty when it is. The directory's name is the project's.
///
/// # Errors
///
/// The name is not allowed, the directory has something in it, or the disk refuses.
pub fn create(directory: &Path) -> Result<NewProject, ProjectError> {
    let name = project_name(directory)?;
    check_free(directory)?;
    fs::create_dir_all(directory).map_err(FileError::write(directory))?;
    for file in &FILES {
        write_new(&directory.join(file.name), &file.text.replace(NAME_MARK, name))?;
    }
    Ok(NewProject { directory: directory.to_owned(), files: FILES.iter().map(|file| file.name).collect() })
}

/// The last part of a path, if it is a name for a project.
fn project_name(directory: &Path) -> Result<&str, ProjectError> {
    let name = directory.file_name().and_then(|name| name.to_str());
    let is_allowed = |name: &&str| {
        let is_first = |first: char| first.is_ascii_alphabetic();
        let is_letter = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_');
        name.len() <= NAME_LETTERS_MAX && name.starts_with(is_first) && name.chars().all(is_letter)
    };
    name.filter(is_allowed).ok_or_else(|| {
        let shown = name.map_or_else(|| directory.display().to_string(), ToOwned::to_owned);
        ProjectError::BadName { name: shown }
    })
}

/// Refuses a path where something is.
fn check_free(directory: &Path) -> Result<(), ProjectError> {
    if !directory.exists() {
        return Ok(());
    }
    if !directory.is_dir() {
        return Err(ProjectError::NotADirectory { path: directory.to_owned() });
    }
    let mut entries = fs::read_dir(directory).map_err(FileError::read(directory))?;
    match entries.next() {
        None => Ok(()),
        Some(_) => Err(ProjectError::NotEmpty { directory: directory.to_owned() }),
    }
}

/// Writes a file that is not there yet.
fn write_new(path: &Path, text: &str) -> Result<(), FileError> {
    let written = File::create_new(path).and_then(|mut file| file.write_all(text.as_bytes()));
    written.map_err(FileError::write(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_letters_digits_and_dashes_with_a_letter_first() {
        let longest = "a".repeat(NAME_LETTERS_MAX);
        for good in ["shop", "Shop_2", "my-shop", &longest] {
            assert_eq!(project_name(Path::new(good)).unwrap(), good);
            assert_eq!(project_name(&Path::new("/tmp/x y").join(good)).unwrap(), good);
        }
        let too_long = format!("{longest}a");
        for bad in ["", ".", "..", "/", "2shops", "-shop", "_shop", "a b", "shöp", "shop.sql", "a\u{1b}", &too_long] {
            let error = project_name(Path::new(bad)).unwrap_err();
            assert!(matches!(error, ProjectError::BadName { .. }), "{bad}: {error}");
        }
    }

    #[test]
    fn nothing_that_exists_is_written_over() {
        let folder = tempfile::tempdir().unwrap();
        let (full, file, empty) = (folder.path().join("full"), folder.path().join("file"), folder.path().join("empty"));
        fs::create_dir_all(full.join("inside")).unwrap();
        fs::write(&file, "text").unwrap();
        fs::create_dir(&empty).unwrap();
        assert!(matches!(create(&full), Err(ProjectError::NotEmpty { .. })));
        assert!(matches!(create(&file), Err(ProjectError::NotADirectory { .. })));
        assert_eq!(fs::read_dir(&full).unwrap().count(), 1);
        assert_eq!(create(&empty).unwrap().files.len(), FILES.len());
        assert!(fs::read_to_string(empty.join("README.md")).unwrap().starts_with("# empty\n"));
        assert!(matches!(create(&empty), Err(ProjectError::NotEmpty { .. })), "a second time there are files");
        let before = fs::read(empty.join("topology.sql")).unwrap();
        assert!(write_new(&empty.join("topology.sql"), "other").is_err());
        assert_eq!(fs::read(empty.join("topology.sql")).unwrap(), before);
    }
}
