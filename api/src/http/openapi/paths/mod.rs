//! Descriptions of the paths of the table of routes, one constant each.
//!
//! The table names a path by its constant. A constant is also in [`ALL`], which a test compares with the table.

mod deployments;
mod events;
mod letters;
mod pages;
mod postgrest;
mod process;
mod search;
mod shapes;
mod topics;
mod views;

pub(crate) use deployments::{DEPLOYMENT_PLAN, DEPLOYMENTS};
pub(crate) use events::{EVENTS, TICKETS, TOPIC};
pub(crate) use letters::{DEAD_LETTER, DEAD_LETTERS, RETRY, ROW_ERRORS};
pub(super) use pages::host_page;
pub(crate) use pages::{CONSOLE, CONSOLE_FILE, DOCS, OPENAPI, PAGE_TOKENS};
pub(crate) use postgrest::{REST_FUNCTION, REST_ROWS};
pub(crate) use process::{HEALTHZ, METRICS, READYZ, STATUS, TOPOLOGY};
pub(crate) use search::{SEARCH, SEARCHES, SUGGESTIONS};
pub(crate) use shapes::SHAPE;
pub(crate) use topics::{INVALIDATIONS, RECORDS, TOPICS};
pub(crate) use views::{SUBSCRIBE, VIEW, VIEWS, WHY};

use super::operation::DescribedPath;

/// Every path.
pub(crate) static ALL: [&DescribedPath; 31] = [
    &CONSOLE,
    &CONSOLE_FILE,
    &DOCS,
    &OPENAPI,
    &EVENTS,
    &TOPICS,
    &TOPIC,
    &RECORDS,
    &VIEWS,
    &VIEW,
    &REST_ROWS,
    &REST_FUNCTION,
    &SUBSCRIBE,
    &WHY,
    &SHAPE,
    &SEARCHES,
    &SEARCH,
    &SUGGESTIONS,
    &DEAD_LETTERS,
    &ROW_ERRORS,
    &DEAD_LETTER,
    &RETRY,
    &TICKETS,
    &TOPOLOGY,
    &INVALIDATIONS,
    &STATUS,
    &DEPLOYMENTS,
    &DEPLOYMENT_PLAN,
    &HEALTHZ,
    &READYZ,
    &METRICS,
];
