//! A stack of known size for work that calls itself as deeply as a statement is nested.
//!
//! Owns [`on_deep_stack`]. Callers have stacks of all sizes, and the parser's and planner's frames grow severalfold when they are built
//! without optimisation: on a caller's stack a statement within the limits of nesting could end the process.

use std::io;
use std::panic::resume_unwind;
use std::thread::{Builder, scope};

/// Bytes of the stack. Only what is touched takes memory. A statement at every limit of nesting touches about 4 MiB in an unoptimised build.
const STACK_BYTES: usize = 64 * 1024 * 1024;

/// Runs `work` on a thread with a stack of [`STACK_BYTES`] and waits for it; a panic goes on in the caller. A caller that catches panics
/// quietly does so for its own thread alone: this one prints them.
///
/// # Errors
///
/// The system has no thread left.
pub fn on_deep_stack<T: Send>(work: impl FnOnce() -> T + Send) -> io::Result<T> {
    scope(|threads| {
        let name = std::thread::current().name().unwrap_or("planning").to_owned();
        match Builder::new().name(name).stack_size(STACK_BYTES).spawn_scoped(threads, work)?.join() {
            Ok(result) => Ok(result),
            Err(panic) => resume_unwind(panic),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Touches about 1 KiB of stack at each level.
    fn depth(levels: usize) -> usize {
        let frame = std::hint::black_box([levels; 128]);
        if levels == 0 { 0 } else { 1 + depth(std::hint::black_box(frame[127] - 1)) }
    }

    #[test]
    fn work_goes_deeper_than_the_stack_of_any_caller() {
        // 8 MiB or more, as the frames of a build are: all of a main thread's stack, and four times that of others.
        assert_eq!(on_deep_stack(|| depth(8 * 1024)).unwrap(), 8 * 1024);
    }

    #[test]
    fn a_panic_goes_on_in_the_caller() {
        let caught = crate::panics::quietly(|| on_deep_stack(|| -> () { resume_unwind(Box::new("gone")) }).is_ok());
        assert_eq!(caught.map_err(|panic| panic.text), Err("gone".to_owned()));
    }
}
