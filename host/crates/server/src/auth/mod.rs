//! Who is there, and what they may do.
//!
//! ```text
//! /v1     Authorization: Bearer orch_..  --> token --> role of the operation, limits, audit
//! pages   cookie                         --> session -> role of the page, origin, audit
//! ```
//!
//! The API takes no cookies and the pages take no tokens, so a foreign page can never make a
//! visitor's browser use the API.

mod audit;
mod bearer;
mod limits;
mod page_router;
mod session;
pub mod sign_in;

pub use bearer::{Bearer, Guard, Roles, SCHEME, UNKNOWN, authenticate, forbidden};
pub use limits::{Limits, Slot};
pub use page_router::PageRouter;
pub use session::Visitor;
