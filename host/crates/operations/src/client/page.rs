//! A part of a listing.

use model::Timestamp;
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
    /// The newest place when this was read. What comes later is found from here on, in the
    /// other direction. Left out where a listing has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub newest: Option<String>,
    /// How far was looked, if there is a `next`: when that was created where it goes on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub searched_to: Option<Timestamp>,
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
            newest: None,
            searched_to: None,
        }
    }

    /// A page of the store.
    pub(super) fn of<V>(page: store::Page<V>) -> Self
    where
        T: From<V>,
    {
        Self {
            next: page.next.map(|next| next.to_string()),
            newest: Some(page.newest.to_string()),
            searched_to: page.searched_to,
            ..Self::all(page.items)
        }
    }
}
