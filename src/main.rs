//! The program `tidewater`; everything is in the library.

use std::process::ExitCode;

/// Rows are many small allocations from many threads, which this allocator is made for.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    tidewater::cli::main()
}
