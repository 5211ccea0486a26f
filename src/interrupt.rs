//! Signals of the system that ask a command to stop.
//!
//! The first SIGINT or SIGTERM is passed on as a request; the second ends the process at once.

use std::io;

use tokio::runtime::Builder;
use tokio::signal::unix::{SignalKind, signal};

use crate::stop::StopSignal;

/// Passes the first signal on to `stop`, and ends the process with `exit_code` at the next.
pub fn stop_on_signal(stop: &StopSignal, exit_code: u8) -> io::Result<()> {
    let runtime = Builder::new_current_thread().enable_io().build()?;
    let (mut interrupt, mut terminate) = {
        let _entered = runtime.enter();
        (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?)
    };
    let stop = stop.clone();
    std::thread::spawn(move || {
        runtime.block_on(async {
            for is_first in [true, false] {
                tokio::select! {
                    _ = interrupt.recv() => {}
                    _ = terminate.recv() => {}
                }
                if is_first {
                    stop.request();
                }
            }
        });
        std::process::exit(i32::from(exit_code));
    });
    Ok(())
}
