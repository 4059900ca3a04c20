//! Cached results, from the store.

use async_trait::async_trait;
use model::{Digest, Timestamp};
use store::{CachePart, CachePlace, CachedEntry};

use super::cursor::{cursor_at, limit, place_of};
use super::local::LocalClient;
use super::page::Page;
use super::requests::{CacheQuery, ClearCache};
use super::{Answered, CacheClient};
use crate::cache::clear;
use crate::problem::{Problem, ProblemKind};
use crate::view::{CachedView, ClearedView};

/// The shortest beginning by which a result is named.
const DIGITS_MIN: usize = 4;

const LIST: &str = "`orch-host cache ls` lists the cached results";

/// A place as a cursor holds it.
struct Place(CachePlace);

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}-{}", self.0.created.0, self.0.id)
    }
}

impl std::str::FromStr for Place {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (created, id) = text.rsplit_once('-').ok_or(())?;
        Ok(Self(CachePlace {
            created: Timestamp(created.parse().map_err(|_| ())?),
            id: id.parse().map_err(|_| ())?,
        }))
    }
}

/// All results whose ids begin so.
fn beginning(id: &str) -> Answered<CachePart> {
    let refuse = || {
        let detail = format!("`{id}` is no id of a cached result");
        Problem::new(ProblemKind::InvalidName, detail).hint(format!(
            "an id has 64 hexadecimal digits, of which the first {DIGITS_MIN} or more are enough; \
             {LIST}"
        ))
    };
    let is_hex = id.bytes().all(|byte| byte.is_ascii_hexdigit());
    if !is_hex || !(DIGITS_MIN..=64).contains(&id.len()) {
        return Err(refuse());
    }
    let filled = |digit: char| {
        let filled: String = id
            .chars()
            .chain(std::iter::repeat(digit))
            .take(64)
            .collect();
        filled.parse::<Digest>().map_err(|_| refuse())
    };
    Ok(CachePart::Ids(filled('0')?, filled('f')?))
}

fn missing(id: &str) -> Problem {
    let detail = format!("there is no cached result `{id}`");
    Problem::new(ProblemKind::NotFound, detail).hint(LIST)
}

impl LocalClient {
    /// The only result whose id is this or begins so.
    async fn cached(&self, id: &str) -> Answered<CachedEntry> {
        let found = self.store.cached_entries(&beginning(id)?, None, 2).await?;
        match <[CachedEntry; 1]>::try_from(found) {
            Ok([one]) => Ok(one),
            Err(found) if found.is_empty() => Err(missing(id)),
            Err(_) => {
                let detail = format!("`{id}` may be any of several cached results");
                Err(Problem::new(ProblemKind::Ambiguous, detail)
                    .hint("give more digits of its id; `orch-host cache ls -o wide` shows all 64"))
            }
        }
    }
}

impl ClearCache {
    /// Which results these are at this time.
    ///
    /// # Errors
    ///
    /// Not exactly one of its fields is given: nothing is cleared by mistake.
    pub fn part(&self, now: Timestamp) -> Answered<CachePart> {
        let (expired, all) = (self.expired == Some(true), self.all == Some(true));
        match (&self.task, expired, all) {
            (Some(task), false, false) => Ok(CachePart::Task(task.clone())),
            (None, true, false) => Ok(CachePart::Expired(now)),
            (None, false, true) => Ok(CachePart::All),
            (task, ..) => {
                let detail = if task.is_some() || expired || all {
                    "cached results are cleared by one of `task`, `expired` and `all`"
                } else {
                    "it is not said which cached results to clear"
                };
                let hint = "give one of `task=NAME`, `expired=true` and `all=true`";
                Err(Problem::new(ProblemKind::InvalidQuery, detail).hint(hint))
            }
        }
    }
}

#[async_trait]
impl CacheClient for LocalClient {
    async fn list_cache(&self, query: CacheQuery) -> Answered<Page<CachedView>> {
        // One more tells whether there are more.
        let limit = limit(&query)?;
        let after = place_of(&query, "")?.map(|Place(place)| place);
        let which = match &query.task {
            Some(task) => CachePart::Task(task.clone()),
            None => CachePart::All,
        };
        let mut found = self.store.cached_entries(&which, after, limit + 1).await?;
        let is_more = found.len() > limit as usize;
        found.truncate(limit as usize);
        let last = found.last().filter(|_| is_more);
        let next = last.map(|last| cursor_at(&query, "", Place(last.place())));
        Ok(Page {
            next,
            ..Page::all(found)
        })
    }

    async fn inspect_cached(&self, id: &str) -> Answered<CachedView> {
        let digest = self.cached(id).await?.key.id();
        let one = CachePart::Ids(digest, digest);
        let found = self.store.cached_results(&one, 1).await?;
        // It may have been cleared since.
        let found = found.into_iter().next().ok_or_else(|| missing(id))?;
        Ok(found.into())
    }

    async fn clear_cached(&self, id: &str) -> Answered<()> {
        let digest = self.cached(id).await?.key.id();
        clear(&*self.store, &CachePart::Ids(digest, digest)).await?;
        Ok(())
    }

    async fn clear_cache(&self, which: ClearCache) -> Answered<ClearedView> {
        let which = which.part(self.store.clock().now())?;
        let cleared = clear(&*self.store, &which).await?;
        Ok(ClearedView { cleared })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_result_is_named_by_the_first_digits_of_its_id() {
        let whole = "8a".repeat(32);
        let ids = |text: &str| match beginning(text) {
            Ok(CachePart::Ids(from, to)) => format!("{from}-{to}"),
            other => panic!("{other:?}"),
        };
        assert_eq!(ids(&whole), format!("{whole}-{whole}"));
        let (zeros, fs) = ("0".repeat(60), "f".repeat(60));
        assert_eq!(ids("8a8A"), format!("8a8a{zeros}-8a8a{fs}"));
        for wrong in ["", "8a8", "8a8g", "otter", "é8a8", &format!("{whole}0")] {
            assert!(beginning(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_place_is_read_as_it_was_written() {
        for created in [0, -7, 1_700_000_000_123_456] {
            let place = CachePlace {
                created: Timestamp(created),
                id: Digest::of(b"x"),
            };
            let read: Place = Place(place).to_string().parse().unwrap();
            assert_eq!(read.0, place);
        }
        assert!("7".parse::<Place>().is_err());
        assert!("7-x".parse::<Place>().is_err());
    }

    #[test]
    fn what_is_cleared_is_said_in_one_way() {
        let part = |task: Option<&str>, expired, all| {
            let task = task.map(|task| task.parse().unwrap());
            ClearCache { task, expired, all }.part(Timestamp(9))
        };
        let task = || CachePart::Task("a".parse().unwrap());
        assert_eq!(part(Some("a"), None, None), Ok(task()));
        assert_eq!(part(Some("a"), Some(false), Some(false)), Ok(task()));
        let expired = CachePart::Expired(Timestamp(9));
        assert_eq!(part(None, Some(true), None), Ok(expired));
        assert_eq!(part(None, None, Some(true)), Ok(CachePart::All));
        for (task, expired, all) in [
            (None, None, None),
            (None, Some(false), Some(false)),
            (None, Some(true), Some(true)),
            (Some("a"), Some(true), None),
            (Some("a"), None, Some(true)),
        ] {
            let problem = part(task, expired, all).unwrap_err();
            assert_eq!(problem.kind, ProblemKind::InvalidQuery);
        }
    }
}
