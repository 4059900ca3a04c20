//! The pages: HTML made on the server from the views that the API gives.

pub mod show;
