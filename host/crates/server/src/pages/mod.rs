//! The pages: HTML made on the server from the views that the API gives.
//!
//! ```text
//! request --> Cx --> a page's function --asks--> Client --views--> template --> HTML
//!                                                                     ^
//! script --/live: "something changed"--> fetches the same page -------+--> merges what differs
//! ```
//!
//! A page of `/v1/X` is at `/X` with the same query, so everything that it shows is in its
//! address. Without a script links and forms do everything.
//!
//! Invariant: templates write every text by [`crate::escape`], so no text of a guest is markup, or
//! changes how the text around it reads.

mod artifacts;
mod assets;
mod bars;
mod bulk;
mod cache;
mod components;
mod cx;
mod dashboard;
mod deployments;
mod events;
mod fields;
mod filters;
mod flow_run;
mod flow_runs;
pub mod form;
mod holding;
mod kept;
mod limits;
mod links;
mod listing;
mod live;
mod looks;
mod markdown;
mod parts;
mod pools;
mod prune_rule;
mod query;
mod routes;
mod run_form;
mod schedules;
mod settings;
mod shell;
pub mod show;
mod sign_in;
mod task_run;
mod trail;
mod values;

pub use looks::say_once;
pub use routes::{assets, router};
pub(crate) use shell::Shell;
pub use sign_in::{problem, sign_in};

use cx::html;
