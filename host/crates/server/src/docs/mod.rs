//! The documentation of the API, as a page: made from the same description that programs read,
//! with nothing from elsewhere.

mod operations;
mod page;
mod schemas;

pub use page::router;
