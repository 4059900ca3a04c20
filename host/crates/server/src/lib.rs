//! The API and the pages: what a command does, over HTTP.

pub mod pages;
