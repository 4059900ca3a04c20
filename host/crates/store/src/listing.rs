//! Pages of listings: where one begins, what it holds, and where the next one goes on.
//!
//! ```text
//! newest                                                          oldest
//!   |  items of a page, newest first  |  looked at, nothing fits  |
//!   ^                                                             ^
//!   newest (newer things are asked for from here)                 next
//! ```
//!
//! A page is found by the place where the one before ended, never by a count of what to skip:
//! so what is added meanwhile moves nothing, and a page far back costs what the first one
//! costs. What no index finds is looked for in steps, and an engine stops after a while: then a
//! page may be short, or empty, with a `next`.

use std::fmt;
use std::str::FromStr;

use model::{Digest, Timestamp};
use serde::{Deserialize, Serialize};

use crate::{StoreError, StoreResult};

/// Which of two directions a listing has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    #[default]
    NewestFirst,
    OldestFirst,
}

/// Whether listed things come with the values that they were given and returned, which may be
/// large.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Values {
    #[default]
    Whole,
    /// Parameters are an empty object, and there is no outcome.
    LeftOut,
}

/// Which part of a listing is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageRequest {
    /// Begin behind this place. `None`: at the newest or the oldest, as `order` says.
    pub from: Option<Cursor>,
    pub order: Order,
    /// At most so many items; at least one is asked for.
    pub limit: u32,
    pub values: Values,
}

impl PageRequest {
    /// The newest things, newest first.
    pub fn newest(limit: u32) -> Self {
        Self {
            from: None,
            order: Order::NewestFirst,
            limit,
            values: Values::Whole,
        }
    }

    /// From the oldest on, oldest first.
    pub fn oldest(limit: u32) -> Self {
        Self {
            order: Order::OldestFirst,
            ..Self::newest(limit)
        }
    }

    /// What is older than this place, newest first.
    pub fn older(than: Cursor, limit: u32) -> Self {
        Self {
            from: Some(than),
            ..Self::newest(limit)
        }
    }

    /// What is newer than this place, oldest first.
    pub fn newer(than: Cursor, limit: u32) -> Self {
        Self {
            from: Some(than),
            ..Self::oldest(limit)
        }
    }

    pub fn without_values(mut self) -> Self {
        self.values = Values::LeftOut;
        self
    }
}

/// A page of a listing.
#[derive(Clone, Debug)]
pub struct Page<T> {
    pub items: Vec<T>,
    /// Where the listing goes on. `None`: there is no more. It may be there although there are
    /// fewer items than were asked for: then an engine has looked long enough for once.
    pub next: Option<Cursor>,
    /// The newest place that was there when the page was read. What comes later is newer.
    pub newest: Cursor,
    /// How far was looked: when that was created where `next` goes on. `None` if there is no
    /// `next`.
    pub searched_to: Option<Timestamp>,
}

impl<T> Page<T> {
    pub fn map<U>(self, map: impl FnMut(T) -> U) -> Page<U> {
        Page {
            items: self.items.into_iter().map(map).collect(),
            next: self.next,
            newest: self.newest,
            searched_to: self.searched_to,
        }
    }
}

/// A place in a listing, and which listing with which filter that is. Users keep it as a text
/// that means nothing to them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Cursor {
    filter: Fingerprint,
    place: i64,
}

impl Cursor {
    /// `place`: a number that the engine finds again.
    pub fn new(filter: Fingerprint, place: i64) -> Self {
        Self { filter, place }
    }

    /// The place before this one: what is older than that includes what is at this one.
    pub fn before(self) -> Self {
        Self {
            place: self.place.saturating_add(1),
            ..self
        }
    }

    /// The engine's number. Errs if the cursor is of another listing or another filter.
    pub fn place_in(&self, filter: Fingerprint) -> StoreResult<i64> {
        if self.filter == filter {
            Ok(self.place)
        } else {
            Err(StoreError::StrangeCursor)
        }
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}{:x}", self.filter.0, self.place)
    }
}

impl From<Cursor> for String {
    fn from(cursor: Cursor) -> Self {
        cursor.to_string()
    }
}

impl TryFrom<String> for Cursor {
    type Error = CursorError;
    fn try_from(text: String) -> Result<Self, CursorError> {
        text.parse()
    }
}

/// Why a text is not a cursor.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a cursor that a listing has given out")]
pub struct CursorError(pub String);

impl FromStr for Cursor {
    type Err = CursorError;
    fn from_str(text: &str) -> Result<Self, CursorError> {
        let number = |digits: Option<&str>| {
            let digits = digits.filter(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()))?;
            u64::from_str_radix(digits, 16).ok()
        };
        let parsed = || {
            let filter = Fingerprint(number(text.get(..16))?);
            let place = i64::try_from(number(text.get(16..))?).ok()?;
            Some(Self { filter, place })
        };
        parsed().ok_or_else(|| CursorError(text.to_owned()))
    }
}

/// Stands for a listing and its filter in a cursor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fingerprint(u64);

/// Makes fingerprints. Values of a field count in any order.
pub(crate) struct Prints(String);

impl Prints {
    pub(crate) fn of(listing: &str) -> Self {
        Self(listing.to_owned())
    }

    pub(crate) fn field<T: ToString>(
        mut self,
        name: &str,
        values: impl IntoIterator<Item = T>,
    ) -> Self {
        let mut values: Vec<String> = values.into_iter().map(|it| it.to_string()).collect();
        values.sort_unstable();
        values.dedup();
        for value in values {
            // With its length, so that no value looks like two.
            self.0 += &format!("\n{name} {} {value}", value.len());
        }
        self
    }

    pub(crate) fn finish(self) -> Fingerprint {
        let Digest(bytes) = Digest::of(self.0.as_bytes());
        Fingerprint(bytes[..8].iter().fold(0, |n, b| n << 8 | u64::from(*b)))
    }
}

/// How many there are, counted up to a limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    pub count: u64,
    /// There are, or may be, more.
    pub more: bool,
}

/// What counts for people and pages stop at.
pub const COUNT_MAX: u64 = 10_000;

impl Count {
    pub fn exactly(count: u64) -> Self {
        Self { count, more: false }
    }

    /// Of so many that were found while looking for one more than `max`.
    pub fn up_to(max: u64, found: u64) -> Self {
        Self {
            count: found.min(max),
            more: found > max,
        }
    }
}

impl fmt::Display for Count {
    /// `7`, `10,000+`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = self.count.to_string();
        for (at, digit) in digits.char_indices() {
            if at > 0 && (digits.len() - at).is_multiple_of(3) {
                f.write_str(",")?;
            }
            write!(f, "{digit}")?;
        }
        f.write_str(if self.more { "+" } else { "" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fingerprint(names: &[&str]) -> Fingerprint {
        Prints::of("runs").field("name", names).finish()
    }

    #[test]
    fn a_cursor_reads_back_from_its_text() {
        for place in [0, 1, 4_711, i64::MAX] {
            let cursor = Cursor::new(fingerprint(&["a"]), place);
            assert_eq!(cursor.to_string().parse(), Ok(cursor));
        }
    }

    #[test]
    fn what_is_no_cursor_is_refused_with_its_text() {
        let whole = Cursor::new(fingerprint(&["a"]), 5).to_string();
        let damaged = [
            "",
            "x",
            &whole[..16],
            &whole[1..16],
            "0123456789abcdef-1",
            "0123456789abcdef+1",
            "0123456789abcdefffffffffffffffff",
            "0123456789abcdef00000000000000001",
            "ααααααααααααααααα",
        ];
        for text in damaged {
            let refused = Err(CursorError(text.to_owned()));
            // Longer than a number may be, yet equal to one.
            if text.ends_with("01") {
                assert!(text.parse::<Cursor>().is_ok());
            } else {
                assert_eq!(text.parse::<Cursor>(), refused, "{text}");
            }
        }
    }

    #[test]
    fn a_cursor_is_of_one_filter() {
        let cursor = Cursor::new(fingerprint(&["a", "b"]), 5);
        assert_eq!(cursor.place_in(fingerprint(&["b", "a", "a"])), Ok(5));
        for other in [&["a"] as &[&str], &["ab"], &[], &["a", "b", "c"]] {
            let refused = Err(StoreError::StrangeCursor);
            assert_eq!(cursor.place_in(fingerprint(other)), refused, "{other:?}");
        }
        let one = Prints::of("runs").field("a", ["1\nb 1 2"]).finish();
        let two = Prints::of("runs")
            .field("a", ["1"])
            .field("b", ["2"])
            .finish();
        assert_ne!(one, two);
    }

    #[test]
    fn counts_say_where_they_stopped() {
        assert_eq!(Count::exactly(7).to_string(), "7");
        assert_eq!(Count::up_to(COUNT_MAX, 10_001).to_string(), "10,000+");
        assert_eq!(Count::up_to(COUNT_MAX, 10_000).to_string(), "10,000");
        assert_eq!(Count::exactly(1_234_567).to_string(), "1,234,567");
    }
}
