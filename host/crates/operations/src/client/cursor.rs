//! Places in listings that are short, or not of runs: opaque to those who ask, and bound to their filters.
//!
//! A cursor is a digest of the filters and the place, in hexadecimal digits. With other filters
//! it would point into another listing, so it is refused.

use serde::Serialize;
use sha2::{Digest as _, Sha256};
use store::PageRequest;

use super::page::Page;
use super::requests::{
    ArtifactQuery, AuditQuery, BulkQuery, CacheQuery, ComponentQuery, DeploymentQuery,
    JournalQuery, LIMIT_DEFAULT, LIMIT_MAX, LimitQuery, PoolQuery, QueueQuery, ScheduleQuery,
    SecretQuery, TokenQuery, VariableQuery, WorkerQuery,
};
use crate::problem::{Problem, ProblemKind};
use crate::view::View;

/// A request for a part of a listing.
pub(super) trait Listing: Clone + Serialize {
    fn limit(&self) -> Option<u32>;
    fn cursor(&self) -> Option<&str>;
    /// The same without a place in it.
    fn filters(&self) -> Self;
}

macro_rules! listings {
    ($($name:ident),* $(,)?) => {$(
        impl Listing for $name {
            fn limit(&self) -> Option<u32> {
                self.limit
            }
            fn cursor(&self) -> Option<&str> {
                self.cursor.as_deref()
            }
            // Some listings have no filters.
            #[allow(clippy::needless_update)]
            fn filters(&self) -> Self {
                Self { limit: None, cursor: None, ..self.clone() }
            }
        }
    )*};
}
listings!(
    ArtifactQuery,
    AuditQuery,
    BulkQuery,
    CacheQuery,
    ComponentQuery,
    DeploymentQuery,
    JournalQuery,
    LimitQuery,
    PoolQuery,
    QueueQuery,
    ScheduleQuery,
    TokenQuery,
    SecretQuery,
    VariableQuery,
    WorkerQuery,
);

/// How many items to give.
pub(super) fn limit(listing: &impl Listing) -> Result<u32, Problem> {
    limited(listing.limit())
}

/// The same of a limit by itself.
pub(super) fn limited(limit: Option<u32>) -> Result<u32, Problem> {
    match limit.unwrap_or(LIMIT_DEFAULT) {
        limit @ 1..=LIMIT_MAX => Ok(limit),
        limit => {
            let detail = format!("`limit` is {limit}: it must be from 1 to {LIMIT_MAX}");
            Err(Problem::new(ProblemKind::InvalidQuery, detail)
                .hint("the `next` of an answer is the `cursor` of the part after it"))
        }
    }
}

/// The place where the listing is to go on. None: at its begin.
pub(super) fn place<L: Listing>(listing: &L, scope: &str) -> Result<Option<String>, Problem> {
    let Some(cursor) = listing.cursor() else {
        return Ok(None);
    };
    let place = cursor.strip_prefix(&digest(listing, scope));
    match place.and_then(text_of) {
        Some(place) => Ok(Some(place)),
        None => Err(refused(cursor)),
    }
}

/// The same, of a kind of place that is read from text.
pub(super) fn place_of<L: Listing, T: std::str::FromStr>(
    listing: &L,
    scope: &str,
) -> Result<Option<T>, Problem> {
    match place(listing, scope)? {
        None => Ok(None),
        Some(place) => match place.parse() {
            Ok(place) => Ok(Some(place)),
            Err(_) => Err(refused(&place)),
        },
    }
}

/// What a page of the store begins with.
pub(super) fn request(
    limit: Option<u32>,
    cursor: Option<&str>,
    order: store::Order,
) -> Result<PageRequest, Problem> {
    let from = cursor.map(|cursor| cursor.parse().map_err(|_| refused(cursor)));
    Ok(PageRequest {
        from: from.transpose()?,
        order,
        ..PageRequest::newest(limited(limit)?)
    })
}

fn refused(cursor: &str) -> Problem {
    let detail = format!("`{cursor}` is no cursor of this listing with these filters");
    Problem::new(ProblemKind::InvalidCursor, detail).hint(
        "pass the `next` of the part before as it is, with the same filters; or begin without",
    )
}

/// The cursor for a place.
pub(super) fn cursor_at<L: Listing>(
    listing: &L,
    scope: &str,
    place: impl std::fmt::Display,
) -> String {
    let place: String = place
        .to_string()
        .bytes()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    digest(listing, scope) + &place
}

/// The text of hexadecimal digits.
fn text_of(digits: &str) -> Option<String> {
    let pairs = digits.as_bytes().chunks(2);
    let bytes = pairs.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok());
    String::from_utf8(bytes.collect::<Option<Vec<u8>>>()?).ok()
}

/// `scope` is what the listing is of, besides its filters.
fn digest<L: Listing>(listing: &L, scope: &str) -> String {
    let filters = serde_json::to_string(&listing.filters()).unwrap_or_default();
    let kind = std::any::type_name::<L>();
    let digest = Sha256::digest(format!("{kind} {scope} {filters}"));
    digest
        .iter()
        .take(6)
        .map(|it| format!("{it:02x}"))
        .collect()
}

/// In which order a listing goes through its keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    Up,
    Down,
}

/// A part of a listing that is short by nature, so that all of it was read.
pub(super) fn part<L: Listing, V, T: View + From<V>>(
    listing: &L,
    scope: &str,
    mut all: Vec<V>,
    order: Order,
    key: impl Fn(&V) -> String,
) -> Result<Page<T>, Problem> {
    let limit = limit(listing)? as usize;
    if let Some(place) = place(listing, scope)? {
        all.retain(|item| match order {
            Order::Up => key(item) > place,
            Order::Down => key(item) < place,
        });
    }
    let is_more = all.len() > limit;
    all.truncate(limit);
    let last = all.last().filter(|_| is_more);
    let next = last.map(|last| cursor_at(listing, scope, key(last)));
    Ok(Page {
        next,
        ..Page::all(all)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query(flow: &str, limit: u32, cursor: Option<String>) -> DeploymentQuery {
        DeploymentQuery {
            flow: Some(flow.parse().unwrap()),
            limit: Some(limit),
            cursor,
            ..DeploymentQuery::default()
        }
    }

    #[test]
    fn a_cursor_is_of_one_listing_with_one_filter() {
        let etl = query("etl", 2, None);
        let cursor = cursor_at(&etl, "", "etl/nightly");
        let at = |flow: &str, limit| place(&query(flow, limit, Some(cursor.clone())), "");
        assert_eq!(at("etl", 2), Ok(Some("etl/nightly".to_owned())));
        assert_eq!(at("etl", 7), Ok(Some("etl/nightly".to_owned())));
        assert_eq!(
            at("report", 2).unwrap_err().kind,
            ProblemKind::InvalidCursor
        );
        let elsewhere = place(&query("etl", 2, Some(cursor.clone())), "another");
        assert!(elsewhere.is_err());
        let workers = WorkerQuery {
            cursor: Some(cursor),
            ..WorkerQuery::default()
        };
        assert!(place(&workers, "").is_err());
    }

    #[test]
    fn a_limit_has_limits() {
        assert_eq!(limit(&query("etl", 1000, None)), Ok(1000));
        assert_eq!(limit(&DeploymentQuery::default()), Ok(LIMIT_DEFAULT));
        for wrong in [0, 1001] {
            let problem = limit(&query("etl", wrong, None)).unwrap_err();
            assert_eq!(problem.kind, ProblemKind::InvalidQuery);
        }
    }
}
