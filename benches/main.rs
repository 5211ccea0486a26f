//! The benchmarks: `cargo bench --bench tidewater` measures everything and prints one table.
//!
//! Letters choose sections, as in `cargo bench --bench tidewater -- a f`: (a) feed deliveries against a program written by hand,
//! (b) the whole path at 2,000 posts a second, (c) pages over HTTP meanwhile, (d) memory of a row, (e) decoding, (f) read markers,
//! (g) recovery, (h) answers over HTTP and their clients, (n) sums, (s) search; b, c and d are one run. Everything is bounded and stays on the loopback interface. Rates are
//! per second of processor time, so they hold on a busy machine; latencies do not.

mod decode;
mod doors;
mod end_to_end;
mod engine;
mod feed;
mod lines;
mod processor;
mod reader;
mod recovery;
mod search;
mod static_feed;
mod sums;
mod table;
mod unread;
mod writer;

use std::error::Error;
use std::fs;
use std::thread::available_parallelism;

use table::{Figure, table};

/// Reason why a measurement could not be made.
type Failure = Box<dyn Error + Send + Sync>;

/// The allocator of the program that is measured.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> Result<(), Failure> {
    let chosen: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with("--")).collect();
    let is_chosen = |letters: &str| chosen.is_empty() || chosen.iter().any(|letter| letters.contains(letter.as_str()));
    let mut figures: Vec<Figure> = Vec::new();
    let sections: [(&str, fn() -> Result<Vec<Figure>, Failure>); 8] = [
        ("a", feed::run),
        ("bcd", end_to_end),
        ("e", decode::run),
        ("f", unread::run),
        ("g", recovery::run),
        ("h", doors::run),
        ("n", sums::run),
        ("s", search::run),
    ];
    for (letters, run) in sections {
        if is_chosen(letters) {
            eprintln!("measuring {letters} ...");
            figures.extend(run()?);
        }
    }
    print!("{}\n{}", machine()?, table(&figures));
    Ok(())
}

fn end_to_end() -> Result<Vec<Figure>, Failure> {
    let mut figures = end_to_end::run(&end_to_end::FEED)?;
    figures.extend(end_to_end::run(&end_to_end::ALL_VIEWS)?);
    figures.sort_by_key(|figure| figure.section);
    Ok(figures)
}

/// Describes the machine.
fn machine() -> Result<String, Failure> {
    let field = |text: &str, name: &str| {
        let line = text.lines().find(|line| line.starts_with(name)).unwrap_or_default();
        line.split_once(':').map(|(_, value)| value.trim().to_owned()).unwrap_or_default()
    };
    let (processors, memory) = (fs::read_to_string("/proc/cpuinfo")?, fs::read_to_string("/proc/meminfo")?);
    let load = fs::read_to_string("/proc/loadavg")?;
    let kibibytes: u64 = field(&memory, "MemTotal").trim_end_matches(" kB").parse()?;
    Ok(format!(
        "{} cores of {}, {} GiB of memory; load at the end {}\n",
        available_parallelism()?,
        field(&processors, "model name"),
        kibibytes >> 20,
        load.split_whitespace().next().unwrap_or_default(),
    ))
}
