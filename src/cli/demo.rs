//! `tidewater demo`: everything on one machine, with a social network that is made up as it goes.

use std::time::Duration;

use super::arguments::{DemoArguments, Format};
use super::check::declare_or_report;
use super::failure::Failure;
use crate::demo::play::{DemoOptions, PreparedDemo};

/// Starts the demo and waits for its end.
pub(super) fn run(arguments: &DemoArguments) -> Result<(), Failure> {
    let options = DemoOptions {
        users: arguments.users,
        rate: arguments.rate,
        events: arguments.events.clone(),
        stop_after: arguments.seconds.map(Duration::from_secs),
        data: arguments.data.clone(),
        settings: arguments.server.settings(),
    };
    let demo = PreparedDemo::new(options)?;
    Ok(demo.run(declare_or_report(&arguments.topologies, Format::Text)?)?)
}
