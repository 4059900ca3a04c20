//! The stream of events, for people: the newest, kept up to date.

use axum::response::Response;

use super::cx::{Cx, rendered};
use super::listing::Listing;
use super::parts::{Cell, Empty, Link, Row, Table, columns};
use super::shell::Shell;
