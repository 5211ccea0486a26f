//! `tidewater backup` and `tidewater restore`: what was copied, in a line.

use super::arguments::{BackupArguments, RestoreArguments};
use super::failure::Failure;
use crate::process::backup::{self, Copied};
use crate::terminal::{grouped, print_line};

/// Copies a data directory.
pub(super) fn backup(arguments: &BackupArguments) -> Result<(), Failure> {
    let copied = backup::backup(&arguments.data, &arguments.to)?;
    print_line(&format!("copied {} to '{}'", text(&copied), arguments.to.display()));
    Ok(())
}

/// Makes a data directory of a backup.
pub(super) fn restore(arguments: &RestoreArguments) -> Result<(), Failure> {
    let copied = backup::restore(&arguments.from, &arguments.data)?;
    let data = arguments.data.display();
    print_line(&format!("restored {} to '{data}'; positions of before the restore are refused there", text(&copied)));
    Ok(())
}

fn text(copied: &Copied) -> String {
    format!("{} files, {} bytes, timeline {:x}", grouped(copied.files as u64), grouped(copied.bytes), copied.timeline)
}
