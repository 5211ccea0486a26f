//! Generations: the files of one index, and of its successors while they are built.
//!
//! Owns [`Generation`], one index of the engine that is open for writing, and [`Place`], where its files are. A generation is good when its last
//! commit says how far it got; one without that was never finished. The folder of an index holds one folder per generation, by number.

use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use tantivy::indexer::IndexWriterOptions;
use tantivy::tokenizer::TokenizerManager;
use tantivy::{Index, IndexReader, IndexWriter, ReloadPolicy, Searcher, TantivyError};

use super::document::{BEGINNINGS, Layout, PIECES, WORDS, WRITTEN};
use super::error::SearchError;
use super::limits::{MERGE_THREADS, WRITER_BYTES, WRITER_THREADS};

/// Location of the generations of an index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// in memory: nothing is there after a restart
    Memory,
    /// in this folder of all indexes
    Folder(PathBuf),
}

/// Progress of an index, as its last commit says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stored {
    /// the epoch
    pub epoch: u64,
    /// progress that the caller keeps with it
    pub progress: String,
    /// fingerprint of the documents' definition
    definition: String,
}

impl Stored {
    /// The words of a commit.
    pub(super) fn new(layout: &Layout, epoch: u64, progress: &str) -> Self {
        Self { epoch, progress: progress.to_owned(), definition: layout.fingerprint() }
    }
}

/// One index of the engine.
pub(super) struct Generation {
    /// its number; later ones are higher
    number: u64,
    /// sees the last commit after a reload
    reader: IndexReader,
    /// the one writer
    pub writer: IndexWriter,
}

impl Generation {
    /// A new and empty generation after `number`.
    pub fn create(place: &Place, layout: &Layout, number: u64) -> Result<Self, SearchError> {
        let name = &layout.index.name;
        let Place::Folder(_) = place else {
            return Self::open_index(layout, number, Index::create_in_ram(layout.schema.clone()));
        };
        let number = numbers(place, name)?.last().map_or(number, |last| number.max(last + 1));
        let folder = folder_of(place, name).join(number.to_string());
        fs::create_dir_all(&folder).map_err(unusable(name, &folder))?;
        let index = Index::create_in_dir(&folder, layout.schema.clone()).map_err(SearchError::engine(name, "be created"))?;
        Self::open_index(layout, number, index)
    }

    /// The newest generation that was finished and has the form of `layout`, with how far it got. One that somebody else writes is an error.
    pub fn find(place: &Place, layout: &Layout) -> Result<Option<(Self, Stored)>, SearchError> {
        for number in numbers(place, &layout.index.name)?.into_iter().rev() {
            match Self::open(place, layout, number) {
                Ok(Some(found)) => return Ok(Some(found)),
                Ok(None) => {}
                Err(error @ SearchError::Locked { .. }) => return Err(error),
                Err(error) => {
                    tracing::warn!(index = layout.index.name, generation = number, %error, "a full-text index is rebuilt")
                }
            }
        }
        Ok(None)
    }

    /// Opens one generation. `None` when it was never finished or has another form; an error when its files are damaged.
    fn open(place: &Place, layout: &Layout, number: u64) -> Result<Option<(Self, Stored)>, SearchError> {
        let name = &layout.index.name;
        let folder = folder_of(place, name).join(number.to_string());
        let index = Index::open_in_dir(&folder).map_err(SearchError::engine(name, "be opened"))?;
        let metas = index.load_metas().map_err(SearchError::engine(name, "be opened"))?;
        let Some(stored) = metas.payload.as_deref().and_then(|text| serde_json::from_str::<Stored>(text).ok()) else {
            return Ok(None);
        };
        if stored.definition != layout.fingerprint() || index.schema() != layout.schema {
            return Ok(None);
        }
        let damaged = index.validate_checksum().map_err(SearchError::engine(name, "be checked"))?;
        if !damaged.is_empty() {
            return Err(SearchError::Damaged { index: name.clone(), files: damaged.len() });
        }
        Ok(Some((Self::open_index(layout, number, index)?, stored)))
    }

    /// Opens an index of the engine for reading and writing. The lock of the engine lets one process write.
    fn open_index(layout: &Layout, number: u64, mut index: Index) -> Result<Self, SearchError> {
        let name = &layout.index.name;
        index.tokenizers().register(WORDS, layout.analysis.words());
        index.tokenizers().register(WRITTEN, layout.analysis.spaced());
        index.tokenizers().register(PIECES, layout.analysis.pieces());
        let of_columns = TokenizerManager::new();
        of_columns.register(BEGINNINGS, layout.analysis.beginnings());
        index.set_fast_field_tokenizers(of_columns);
        let options = IndexWriterOptions::builder()
            .num_worker_threads(WRITER_THREADS)
            .memory_budget_per_thread(WRITER_BYTES)
            .num_merge_threads(MERGE_THREADS)
            .build();
        let writer = index.writer_with_options(options).map_err(|error| match error {
            TantivyError::LockFailure(..) => SearchError::Locked { index: name.clone() },
            error => SearchError::engine(name, "be opened for writing")(error),
        })?;
        let reader = index.reader_builder().reload_policy(ReloadPolicy::Manual).try_into();
        Ok(Self { number, reader: reader.map_err(SearchError::engine(name, "be read"))?, writer })
    }

    /// Its number.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// Makes durable what was added so far, with these words.
    pub fn commit(&mut self, layout: &Layout, stored: &Stored) -> Result<(), SearchError> {
        let name = &layout.index.name;
        let text = serde_json::to_string(stored)
            .map_err(|error| SearchError::Failed { index: name.clone(), reason: error.to_string() })?;
        let mut prepared = self.writer.prepare_commit().map_err(SearchError::engine(name, "prepare a commit"))?;
        prepared.set_payload(&text);
        prepared.commit().map_err(SearchError::engine(name, "commit"))?;
        Ok(())
    }

    /// Returns the last commit as readers see it.
    pub fn searcher(&self, layout: &Layout) -> Result<Searcher, SearchError> {
        self.reader.reload().map_err(SearchError::engine(&layout.index.name, "be read"))?;
        Ok(self.reader.searcher())
    }

    /// Removes the files of all other generations; readers that are at work in one still have them open.
    pub fn remove_others(&self, place: &Place, layout: &Layout) {
        let name = &layout.index.name;
        let Ok(numbers) = numbers(place, name) else { return };
        for number in numbers.into_iter().filter(|number| *number != self.number) {
            let folder = folder_of(place, name).join(number.to_string());
            if let Err(error) = fs::remove_dir_all(&folder) {
                tracing::warn!(folder = %folder.display(), %error, "an old full-text index could not be removed");
            }
        }
    }

    /// Gives up what was not committed; returns what the last commit says.
    pub fn roll_back(&mut self, layout: &Layout) -> Result<Option<Stored>, SearchError> {
        let name = &layout.index.name;
        self.writer.rollback().map_err(SearchError::engine(name, "give up what was not committed"))?;
        let metas = self.writer.index().load_metas().map_err(SearchError::engine(name, "be opened"))?;
        Ok(metas.payload.as_deref().and_then(|text| serde_json::from_str(text).ok()))
    }
}

/// Removes the folders of indexes that are no longer declared.
pub fn remove_undeclared<'a>(place: &Place, declared: impl Iterator<Item = &'a str>) -> std::io::Result<()> {
    let Place::Folder(root) = place else { return Ok(()) };
    let known: Vec<String> = declared.map(folder_name).collect();
    let Ok(entries) = fs::read_dir(root) else { return Ok(()) };
    for entry in entries {
        let entry = entry?;
        if entry.file_type()?.is_dir() && !known.iter().any(|name| entry.file_name() == name.as_str()) {
            fs::remove_dir_all(entry.path())?;
        }
    }
    Ok(())
}

/// The numbers of the generations that are there, ascending.
fn numbers(place: &Place, index: &str) -> Result<Vec<u64>, SearchError> {
    if *place == Place::Memory {
        return Ok(Vec::new());
    }
    let folder = folder_of(place, index);
    let entries = match fs::read_dir(&folder) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(unusable(index, &folder))?,
    };
    let mut numbers = Vec::new();
    for entry in entries {
        let entry = entry.map_err(unusable(index, &folder))?;
        numbers.extend(entry.file_name().to_str().and_then(|name| name.parse::<u64>().ok()));
    }
    numbers.sort_unstable();
    Ok(numbers)
}

/// Returns the folder of an index; it holds one folder per generation.
fn folder_of(place: &Place, index: &str) -> PathBuf {
    match place {
        Place::Memory => PathBuf::new(),
        Place::Folder(root) => root.join(folder_name(index)),
    }
}

/// The name of an index as the name of a folder: whatever else it holds than small letters, digits and `_` is written in hexadecimal.
fn folder_name(index: &str) -> String {
    let mut name = String::new();
    for byte in index.bytes() {
        match byte {
            b'a'..=b'z' | b'0'..=b'9' | b'_' => name.push(char::from(byte)),
            other => name.push_str(&format!("-{other:02x}")),
        }
    }
    name
}

/// Makes the error of a folder that can not be used.
fn unusable<'a>(index: &'a str, folder: &'a Path) -> impl FnOnce(std::io::Error) -> SearchError + 'a {
    move |error| SearchError::Folder { index: index.to_owned(), path: folder.display().to_string(), error }
}
