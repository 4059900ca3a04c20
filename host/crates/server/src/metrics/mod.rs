//! Figures for those who watch: OpenMetrics at `/metrics`.
//!
//! What this process counts itself (its requests) is kept here. What the store knows is read
//! when it is asked for, so that it is the same whoever is asked, and costs nothing otherwise.
//! Every label has few values: states, work pools, operations, and the flows that ran most.

mod counted;
mod families;
mod memory;
mod runs;

pub use counted::Metrics;
pub use families::scrape;
