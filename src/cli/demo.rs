//! `tidewater demo`: everything on one machine, with a domain or all of them made up as they go.

use std::path::PathBuf;
use std::time::Duration;

use super::arguments::{DemoArguments, DemoDomain, Format};
use super::check::declare_all_or_report;
use super::failure::Failure;
use crate::demo::domain::Domain;
use crate::demo::play::{DemoOptions, PreparedDemo};

/// Directory of the data when none is given; domains beside the social network have one of their own.
const DATA_DEFAULT: &str = "tidewater-demo";

/// Starts the demo and waits for its end.
pub(super) fn run(arguments: &DemoArguments) -> Result<(), Failure> {
    let domains = domains(arguments.domain);
    let folders = match &arguments.topologies {
        Some(folder) => vec![folder.clone()],
        None => domains.iter().map(|domain| domain.folder()).collect(),
    };
    let options = DemoOptions {
        domains,
        users: arguments.users,
        rate: arguments.rate,
        events: arguments.events.clone(),
        stop_after: arguments.seconds.map(Duration::from_secs),
        data: arguments.data.clone().unwrap_or_else(|| data_default(arguments.domain)),
        settings: arguments.server.settings(),
    };
    let demo = PreparedDemo::new(options)?;
    Ok(demo.run(declare_all_or_report(&folders, Format::Text)?)?)
}

fn domains(asked: DemoDomain) -> Vec<Domain> {
    match asked {
        DemoDomain::Social => vec![Domain::Social],
        DemoDomain::Commerce => vec![Domain::Commerce],
        DemoDomain::Tasks => vec![Domain::Tasks],
        DemoDomain::Agents => vec![Domain::Agents],
        DemoDomain::All => Domain::ALL.to_vec(),
    }
}

fn data_default(asked: DemoDomain) -> PathBuf {
    match (asked, domains(asked).as_slice()) {
        (DemoDomain::Social, _) => PathBuf::from(DATA_DEFAULT),
        (_, [domain]) => PathBuf::from(format!("{DATA_DEFAULT}-{}", domain.name())),
        _ => PathBuf::from(format!("{DATA_DEFAULT}-all")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_domain_has_its_own_data_and_all_are_the_four() {
        assert_eq!(data_default(DemoDomain::Social), PathBuf::from("tidewater-demo"));
        assert_eq!(data_default(DemoDomain::Tasks), PathBuf::from("tidewater-demo-tasks"));
        assert_eq!(data_default(DemoDomain::All), PathBuf::from("tidewater-demo-all"));
        assert_eq!(domains(DemoDomain::All), Domain::ALL);
    }
}
