//! Section s: full-text search, how fast documents are indexed against the engine of the index by itself, and how fast they are found meanwhile.
//!
//! Both index the same texts in the same order with one thread and the same memory, on a disk, and commit as often. The words are as unevenly
//! frequent as those of a language. Rates are per second of processor time of the whole process: merges and commits count.

use std::fs;
use std::time::{Duration, Instant};

use schemas::field::{FieldKind, Value};
use schemas::position::Epoch;
use schemas::row::{Diff, Row};
use schemas::serving::{Column, SearchIndex};
use sinks::search::{
    COMMIT_INTERVAL, Definition, Filter, Order, OrderBy, Place, Search, SearchReader, SearchWriter, WRITER_BYTES, WRITER_THREADS,
};
use tantivy::schema::{FAST, INDEXED, STORED, Schema, TEXT};
use tantivy::{Index, IndexWriter, TantivyDocument};
use tempfile::TempDir;

use crate::Failure;
use crate::lines::Random;
use crate::table::{Figure, Goal, quantile};

const DOCUMENTS: u64 = 300_000;
const WORDS: u64 = 30_000;
const WORDS_PER_DOCUMENT: u64 = 25;
const DOCUMENTS_PER_EPOCH: usize = 500;
/// Documents a second while searches are measured.
const MEANWHILE_RATE: u64 = 5_000;
const MEANWHILE: Duration = Duration::from_secs(10);
/// The kernel counts processor time of a process in so many parts of a second.
const TICKS_PER_SECOND: f64 = 100.0;
/// Interval at which merges are looked for, and the processor time below which none is at work.
const LOOK_INTERVAL: Duration = Duration::from_millis(500);
const IDLE_SECONDS: f64 = 0.05;
/// Places of the times of user and kernel in `/proc/self/stat`, behind the name of the program.
const TIMES: [usize; 2] = [11, 12];
const BYTES_PER_MEGABYTE: f64 = 1e6;
const MILLIS_PER_SECOND: f64 = 1e3;

/// A document: its number and its text.
type Document = (u64, String);

/// Indexes, then searches while more is indexed.
pub fn run() -> Result<Vec<Figure>, Failure> {
    let mut random = Random::new(1);
    let documents: Vec<Document> = (0..DOCUMENTS).map(|id| (id, text(&mut random))).collect();
    let megabytes = documents.iter().map(|(_, text)| text.len()).sum::<usize>() as f64 / BYTES_PER_MEGABYTE;
    let bare = bare_seconds(&documents)?;
    let folder = TempDir::new()?;
    let (mut writer, reader, _) = SearchWriter::open(definition(), Place::Folder(folder.path().to_owned()))?;
    let ours = index_seconds(&mut writer, &documents)?;
    let figure =
        |what: &str, value: f64, unit: &'static str, goal| Figure { section: 's', what: what.to_owned(), value, unit, goal };
    let mut figures = vec![
        figure("documents indexed, 25 words each", DOCUMENTS as f64 / ours, "per CPU second", Goal::None),
        figure("the same", megabytes / ours, "MB per CPU second", Goal::None),
        figure("the engine of the index by itself", DOCUMENTS as f64 / bare, "per CPU second", Goal::None),
        figure("the index in proportion to its engine by itself", bare / ours, "", Goal::AtLeast(0.7)),
    ];
    let (mut searches, mut shown) = search_meanwhile(&mut writer, &reader)?;
    let millis = |part: f64, values: &mut [f64]| quantile(values, part) * MILLIS_PER_SECOND;
    figures.push(figure(
        "top 10 of one or two words while 5,000 documents/s come, p50",
        millis(0.5, &mut searches),
        "ms",
        Goal::None,
    ));
    figures.push(figure("the same, p99", millis(0.99, &mut searches), "ms", Goal::None));
    figures.push(figure(
        "from a change of the view until it is found, p99",
        millis(0.99, &mut shown),
        "ms",
        Goal::AtMost(1_000.0),
    ));
    Ok(figures)
}

/// A text of words that are the likelier the smaller their number.
fn text(random: &mut Random) -> String {
    let words: Vec<String> = (0..WORDS_PER_DOCUMENT).map(|_| word(random)).collect();
    words.join(" ")
}

/// A word of a vocabulary within the vocabulary: the first words are in all of them.
fn word(random: &mut Random) -> String {
    let words = 1 + random.skewed_below(WORDS);
    format!("w{}", random.skewed_below(words))
}

/// Processor time of the process so far.
fn process_seconds() -> Result<f64, Failure> {
    let text = fs::read_to_string("/proc/self/stat")?;
    let fields: Vec<&str> = text.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let mut ticks = 0.0;
    for place in TIMES {
        ticks += fields.get(place).ok_or("the kernel counts no time")?.parse::<f64>()?;
    }
    Ok(ticks / TICKS_PER_SECOND)
}

/// Processor time of the process when nothing is merged any more.
fn settled_seconds() -> Result<f64, Failure> {
    let mut last = process_seconds()?;
    loop {
        std::thread::sleep(LOOK_INTERVAL);
        let now = process_seconds()?;
        if now - last < IDLE_SECONDS {
            return Ok(now);
        }
        last = now;
    }
}

/// The engine by itself: the text with its positions and as it is, and a number to replace it by.
fn bare_seconds(documents: &[Document]) -> Result<f64, Failure> {
    let folder = TempDir::new()?;
    let mut schema = Schema::builder();
    let (id, body) = (schema.add_u64_field("id", INDEXED | FAST), schema.add_text_field("text", TEXT | STORED));
    let index = Index::create_in_dir(folder.path(), schema.build())?;
    let mut writer: IndexWriter = index.writer_with_num_threads(WRITER_THREADS, WRITER_BYTES)?;
    let before = process_seconds()?;
    let mut committed = Instant::now();
    for (number, (id_value, text)) in documents.iter().enumerate() {
        let mut document = TantivyDocument::new();
        document.add_u64(id, *id_value);
        document.add_text(body, text);
        writer.add_document(document)?;
        if number % DOCUMENTS_PER_EPOCH == 0 && committed.elapsed() >= COMMIT_INTERVAL {
            writer.commit()?;
            committed = Instant::now();
        }
    }
    writer.commit()?;
    Ok(settled_seconds()? - before)
}

fn columns() -> Vec<Column> {
    let column = |name: &str, kind| Column { name: name.to_owned(), kind };
    vec![column("id", FieldKind::Int64), column("text", FieldKind::Text)]
}

fn definition() -> Definition {
    let index = SearchIndex {
        name: "bench".to_owned(),
        view: "documents".to_owned(),
        searched: vec![1],
        included: vec![0],
        guarded: Vec::new(),
        key: vec![0],
        stemmer: None,
        prefix_letters: 2,
        suggested: None,
        popularity: None,
    };
    Definition { index, columns: columns() }
}

fn changes(documents: &[Document]) -> Vec<(Row, Diff)> {
    let columns = columns();
    let change = |(id, text): &Document| {
        let mut row = Row::empty();
        columns[0].kind.write(&Value::Int(*id as i64), &mut row);
        columns[1].kind.write(&Value::Text(text.as_str().into()), &mut row);
        (row, 1)
    };
    documents.iter().map(change).collect()
}

/// The index as it follows a view, from its first document on.
fn index_seconds(writer: &mut SearchWriter, documents: &[Document]) -> Result<f64, Failure> {
    let units: Vec<Vec<(Row, Diff)>> = documents.chunks(DOCUMENTS_PER_EPOCH).map(changes).collect();
    let before = process_seconds()?;
    writer.replace(Epoch(0), "", &[])?;
    for (epoch, unit) in (1..).zip(&units) {
        writer.apply(Epoch(epoch), "", unit)?;
    }
    writer.flush()?;
    Ok(settled_seconds()? - before)
}

/// Searches while documents come; returns the seconds of each search, and those until each epoch was found.
fn search_meanwhile(writer: &mut SearchWriter, reader: &SearchReader) -> Result<(Vec<f64>, Vec<f64>), Failure> {
    let end = Instant::now() + MEANWHILE;
    let searching = reader.clone();
    let searcher = std::thread::spawn(move || searches_until(&searching, end));
    let mut random = Random::new(2);
    let (mut shown, mut waiting): (Vec<f64>, Vec<(Epoch, Instant)>) = (Vec::new(), Vec::new());
    let begin = Instant::now();
    let mut made = 0;
    while Instant::now() < end {
        let due = begin.elapsed().as_millis() as u64 * MEANWHILE_RATE / 1_000;
        if due > made + DOCUMENTS_PER_EPOCH as u64 / 10 {
            let documents: Vec<Document> = (made..due).map(|id| (DOCUMENTS + id, text(&mut random))).collect();
            let epoch = Epoch(DOCUMENTS + due);
            waiting.push((epoch, Instant::now()));
            writer.apply(epoch, "", &changes(&documents))?;
            made = due;
        }
        let visible = reader.epoch();
        waiting.retain(|(epoch, since)| {
            let is_shown = visible >= Some(*epoch);
            if is_shown {
                shown.push(since.elapsed().as_secs_f64());
            }
            !is_shown
        });
        std::thread::sleep(Duration::from_millis(1));
    }
    let searches = searcher.join().map_err(|_| "the thread that searches panicked")??;
    Ok((searches, shown))
}

fn searches_until(reader: &SearchReader, end: Instant) -> Result<Vec<f64>, Failure> {
    let mut random = Random::new(3);
    let mut seconds = Vec::new();
    while Instant::now() < end {
        let words: Vec<String> = (0..=random.below(2)).map(|_| word(&mut random)).collect();
        let order = Order { by: OrderBy::Relevance, descending: true };
        let search = Search {
            query: Some(words.join(" ")),
            visible: Filter::always(),
            filter: Filter::always(),
            order,
            offset: 0,
            limit: 10,
            highlights: Vec::new(),
            facets: Vec::new(),
        };
        let asked = Instant::now();
        reader.search(&search)?.ok_or("the index shows nothing")?;
        seconds.push(asked.elapsed().as_secs_f64());
    }
    Ok(seconds)
}
