//! A part of a listing.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::view::View;

/// A part of a listing.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Page<T> {
    /// May be empty while there is a `next`.
    pub items: Vec<T>,
    /// Where the listing goes on: the `cursor` of the next request, with the same filters.
    /// None: this is the end.
    pub next: Option<String>,
}

impl<T: View> View for Page<T> {}

impl<T> Page<T> {
    /// The only part of a listing that is short by nature.
    pub fn all<V>(items: impl IntoIterator<Item = V>) -> Self
    where
        T: From<V>,
    {
        Self {
            items: items.into_iter().map(T::from).collect(),
            next: None,
        }
    }
}
