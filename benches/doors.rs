//! Section h: what the doors of HTTP cost: a page as it is, compressed, and one that the client has already; connections that are held, and
//! clients that take nothing of their answers.
//!
//! The server of section b has a feed for each of its users and rests. Processor time is that of the threads that answer requests; memory
//! is that of the process, whose clients are sockets without buffers of their own.

use std::fs;
use std::io::Write as _;
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use crate::Failure;
use crate::end_to_end::{CONNECTIONS, Moment, Scene, Stage, WARM, readers};
use crate::engine::FEED_FILES;
use crate::processor::API_THREADS;
use crate::reader::{PAGE_ROWS, Wanted, page_request, read_pages};
use crate::table::{Figure, Goal};

const SCENE: Scene = Scene {
    name: "doors",
    files: Some(&FEED_FILES),
    users: 1_000,
    durations: [Duration::ZERO, Duration::ZERO],
};
/// Time for which each kind of answer is asked for.
const ASKING: Duration = Duration::from_secs(4);
/// Clients that are held, idle and slow.
const CLIENTS: usize = 2_000;
/// Rows that a slow client asks for in one request, and the requests that it sends at once: more than the kernel's buffers of its socket take.
const SLOW_ROWS: usize = 600;
const SLOW_REQUESTS: usize = 100;
/// Time until the server has accepted and answered all of them.
const SETTLED: Duration = Duration::from_secs(5);
const PAGE_BYTES: u64 = 4_096;

/// Measures the doors.
pub fn run() -> Result<Vec<Figure>, Failure> {
    let mut stage = Stage::build(&SCENE)?;
    stage.write(WARM)?;
    let mut figures = Vec::new();
    let mut plain = 0.0;
    for wanted in Wanted::ALL {
        let per_second = requests_per_second(&stage, wanted)?;
        let name = format!("a page of {PAGE_ROWS} rows {}", wanted.words());
        figures.push(figure(format!("{name}: requests"), per_second, "per CPU second"));
        match wanted {
            Wanted::Plain | Wanted::Public => plain = per_second,
            _ => figures.push(figure(format!("{name}: in proportion to one not compressed"), per_second / plain, "")),
        }
    }
    let idle = held_clients(&stage, "idle", "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n", &mut figures)?;
    let (user, token) = readers(0, SCENE.users)?.swap_remove(0);
    let many = page_request(user, &token, SLOW_ROWS, "").repeat(SLOW_REQUESTS);
    // While the idle ones are still there, so that memory which they gave back is not used again.
    let slow = held_clients(&stage, "that take nothing of their answers", &many, &mut figures)?;
    drop((idle, slow));
    stage.stop()?;
    Ok(figures)
}

fn figure(what: String, value: f64, unit: &'static str) -> Figure {
    Figure { section: 'h', what, value, unit, goal: Goal::None }
}

/// Asks for such pages with all connections; returns how many were answered in a second of the answering threads.
fn requests_per_second(stage: &Stage, wanted: Wanted) -> Result<f64, Failure> {
    let stop = AtomicBool::new(false);
    let readers = (0..CONNECTIONS as u64).map(|place| readers(place, SCENE.users)).collect::<Result<Vec<_>, _>>()?;
    let address = stage.address();
    let (moments, read) = thread::scope(|scope| {
        let threads: Vec<_> = readers
            .iter()
            .map(|readers| {
                let stop = &stop;
                scope.spawn(move || read_pages(address, readers, wanted, stop))
            })
            .collect();
        let before = Moment::now();
        thread::sleep(ASKING);
        stop.store(true, Ordering::Relaxed);
        let join = |thread: thread::ScopedJoinHandle<'_, _>| thread.join().map_err(|_| Failure::from("a reader panicked"))?;
        let read = threads.into_iter().map(join).collect::<Result<Vec<Vec<f64>>, _>>();
        ((before, Moment::now()), read)
    });
    let (before, after) = (moments.0?, moments.1?);
    let requests: usize = read?.iter().map(Vec::len).sum();
    Ok(requests as f64 / after.seconds_since(&before, &API_THREADS))
}

/// Opens many clients that have asked this and read nothing, and measures the memory of the process for each of them.
fn held_clients(stage: &Stage, kind: &str, request: &str, figures: &mut Vec<Figure>) -> Result<Vec<TcpStream>, Failure> {
    let before = resident_bytes()?;
    let clients = (0..CLIENTS).map(|_| ask(stage.address(), request)).collect::<Result<Vec<TcpStream>, Failure>>()?;
    thread::sleep(SETTLED);
    let used = resident_bytes()?.saturating_sub(before);
    figures.push(figure(format!("{CLIENTS} clients {kind}: memory of each"), used as f64 / CLIENTS as f64 / 1024.0, "KiB"));
    Ok(clients)
}

fn ask(address: SocketAddr, request: &str) -> Result<TcpStream, Failure> {
    let mut client = TcpStream::connect(address)?;
    client.write_all(request.as_bytes())?;
    Ok(client)
}

fn resident_bytes() -> Result<u64, Failure> {
    let text = fs::read_to_string("/proc/self/statm")?;
    let pages = text.split_whitespace().nth(1).ok_or("/proc/self/statm has no second figure")?;
    Ok(pages.parse::<u64>()? * PAGE_BYTES)
}
