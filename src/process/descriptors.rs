//! File descriptors: as many as the system lets the process have, and the part of them that connections may take.
//!
//! Owns the choice at the start. Connections are limited so that the log, the state and the full-text indexes always find a descriptor:
//! clients can fill the places for connections, and never stop the engine.

use api::ConnectionLimits;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::error::ProcessError;

/// Fewest descriptors that a server is started with.
pub const DESCRIPTORS_MIN: u64 = 1_024;
/// Descriptors that connections leave to everything else: the files of the log (256), of the state (64), of full-text indexes, and sockets
/// of sinks.
pub const DESCRIPTORS_RESERVED: u64 = 512;

/// Raises the limit of open files as far as the system allows, and lowers that of connections to what is left beside the reserve.
///
/// # Errors
/// The process may not have [`DESCRIPTORS_MIN`] descriptors.
pub fn share_descriptors(connections: ConnectionLimits) -> Result<ConnectionLimits, ProcessError> {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let raised = current != maximum && setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }).is_ok();
    let available = if raised { maximum } else { current };
    let shared = shared(available, connections)?;
    if shared.open_max < connections.open_max {
        tracing::warn!(
            descriptors = available,
            connections = shared.open_max,
            wanted = connections.open_max,
            "the process may have fewer connections than were asked for: raise its limit of open files (ulimit -n)"
        );
    }
    Ok(shared)
}

/// The limits of connections with so many descriptors; `None` stands for no limit.
fn shared(available: Option<u64>, connections: ConnectionLimits) -> Result<ConnectionLimits, ProcessError> {
    let Some(available) = available else { return Ok(connections) };
    if available < DESCRIPTORS_MIN {
        return Err(ProcessError::Descriptors { available, needed: DESCRIPTORS_MIN });
    }
    let left = usize::try_from(available - DESCRIPTORS_RESERVED).unwrap_or(usize::MAX);
    Ok(ConnectionLimits { open_max: connections.open_max.min(left), ..connections })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_get_what_the_reserve_leaves_and_few_descriptors_are_refused() {
        let wanted = ConnectionLimits { open_max: 10_000, ..ConnectionLimits::default() };
        for (available, open_max) in [(Some(1_024), 512), (Some(4_096), 3_584), (Some(1 << 20), 10_000), (None, 10_000)] {
            assert_eq!(shared(available, wanted).unwrap().open_max, open_max, "{available:?}");
        }
        let refused = shared(Some(1_023), wanted).unwrap_err().to_string();
        assert!(refused.contains("1023") && refused.contains("ulimit -n"), "{refused}");
    }
}
