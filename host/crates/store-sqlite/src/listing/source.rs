//! Where candidates come from, in chunks.

use rusqlite::Connection;

use crate::columns::ToColumn;
use crate::sql::Sql;
use store::{Order, StoreResult};

/// What has the candidates of a listing, each a row's number.
pub(super) enum Source {
    /// Every number within these ranges, which are in rising order.
    Ranges(Vec<(i64, i64)>),
    /// Indexes give them in order, each its own.
    Indexes(Vec<Index>),
    /// These, in rising order.
    These(Vec<i64>),
}

/// Statements that walk an index from a place on. `?1` is the place, `?2` how many are wanted,
/// `?3` the key, if there is one.
pub(super) struct Index {
    pub older: &'static str,
    pub newer: &'static str,
    pub key: Option<Box<dyn ToColumn>>,
}

/// Writes the two statements of an [`Index`]: numbers of `$table` where `$fits`.
macro_rules! walk {
    ($table:literal, $fits:literal, $key:expr) => {
        $crate::listing::source::Index {
            older: concat!(
                "SELECT no FROM ",
                $table,
                " WHERE ",
                $fits,
                " AND no < ?1 ORDER BY no DESC LIMIT ?2"
            ),
            newer: concat!(
                "SELECT no FROM ",
                $table,
                " WHERE ",
                $fits,
                " AND no > ?1 ORDER BY no LIMIT ?2"
            ),
            key: $key,
        }
    };
}
pub(super) use walk;

/// Candidates that are looked at by one statement.
pub(super) struct Chunk {
    pub which: Which,
    /// The last of them in the order of the listing.
    pub last: i64,
    /// Nothing comes after it.
    pub is_final: bool,
}

pub(super) enum Which {
    /// From the first to the second number, both included.
    Range(i64, i64),
    Numbers(Vec<i64>),
}

impl Source {
    /// Every number up to this one.
    pub(super) fn all(newest: i64) -> Self {
        Self::Ranges(vec![(1, newest)])
    }

    /// Up to `size` candidates behind `place`.
    pub(super) fn chunk(
        &self,
        conn: &Connection,
        place: i64,
        order: Order,
        size: i64,
    ) -> StoreResult<Chunk> {
        match self {
            Self::Ranges(ranges) => Ok(within(ranges, place, order, size)),
            Self::Indexes(indexes) => merged(indexes, conn, place, order, size),
            Self::These(numbers) => Ok(some_of(numbers, place, order, size)),
        }
    }
}

/// A part of one range: the first behind the place.
fn within(ranges: &[(i64, i64)], place: i64, order: Order, size: i64) -> Chunk {
    let chunk = match order {
        Order::NewestFirst => {
            let older = &ranges[..ranges.partition_point(|(low, _)| *low < place)];
            older.split_last().map(|(&(low, high), rest)| {
                let high = high.min(place.saturating_sub(1));
                let begin = low.max(high.saturating_sub(size - 1));
                (begin, high, begin, begin == low && rest.is_empty())
            })
        }
        Order::OldestFirst => {
            let newer = &ranges[ranges.partition_point(|(_, high)| *high <= place)..];
            newer.split_first().map(|(&(low, high), rest)| {
                let low = low.max(place.saturating_add(1));
                let end = high.min(low.saturating_add(size - 1));
                (low, end, end, end == high && rest.is_empty())
            })
        }
    };
    match chunk {
        Some((low, high, last, is_final)) => Chunk {
            which: Which::Range(low, high),
            last,
            is_final,
        },
        None => Chunk {
            which: Which::Numbers(Vec::new()),
            last: place,
            is_final: true,
        },
    }
}

fn some_of(numbers: &[i64], place: i64, order: Order, size: i64) -> Chunk {
    let size = usize::try_from(size).unwrap_or(usize::MAX);
    let (some, is_final) = match order {
        Order::NewestFirst => {
            let older = &numbers[..numbers.partition_point(|no| *no < place)];
            let from = older.len().saturating_sub(size);
            let some: Vec<i64> = older[from..].iter().rev().copied().collect();
            (some, from == 0)
        }
        Order::OldestFirst => {
            let newer = &numbers[numbers.partition_point(|no| *no <= place)..];
            let some: Vec<i64> = newer.iter().take(size).copied().collect();
            let is_final = some.len() == newer.len();
            (some, is_final)
        }
    };
    Chunk {
        last: some.last().copied().unwrap_or(place),
        is_final,
        which: Which::Numbers(some),
    }
}

/// Of each index some, and of these as many as come before what is not known yet.
fn merged(
    indexes: &[Index],
    conn: &Connection,
    place: i64,
    order: Order,
    size: i64,
) -> StoreResult<Chunk> {
    let each = match indexes.len() as i64 {
        0 | 1 => size,
        many => size / many + 1,
    };
    let is_before = |one: i64, other: i64| match order {
        Order::NewestFirst => one > other,
        Order::OldestFirst => one < other,
    };
    let mut numbers = Vec::new();
    // Behind it, an index may have more.
    let mut known_to: Option<i64> = None;
    for index in indexes {
        let some = index.numbers(conn, place, order, each)?;
        if let Some(last) = some.last().filter(|_| some.len() as i64 == each)
            && known_to.is_none_or(|known| is_before(*last, known))
        {
            known_to = Some(*last);
        }
        numbers.extend(some);
    }
    if let Some(known) = known_to {
        numbers.retain(|no| !is_before(known, *no));
    }
    match order {
        Order::NewestFirst => numbers.sort_unstable_by(|one, other| other.cmp(one)),
        Order::OldestFirst => numbers.sort_unstable(),
    }
    Ok(Chunk {
        last: numbers.last().copied().unwrap_or(place),
        is_final: known_to.is_none(),
        which: Which::Numbers(numbers),
    })
}

impl Index {
    fn numbers(
        &self,
        conn: &Connection,
        place: i64,
        order: Order,
        size: i64,
    ) -> StoreResult<Vec<i64>> {
        let sql = match order {
            Order::NewestFirst => self.older,
            Order::OldestFirst => self.newer,
        };
        let mut params: Vec<&dyn ToColumn> = vec![&place, &size];
        params.extend(self.key.as_deref());
        conn.all(sql, params.as_slice(), |row| row.get(0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All candidates that come from a place on, chunk by chunk.
    #[track_caller]
    fn check(source: &Source, from: i64, order: Order, size: i64, expect: &[i64]) {
        let conn = Connection::open_in_memory().unwrap();
        check_on(&conn, source, from, order, size, expect);
    }

    #[track_caller]
    fn check_on(
        conn: &Connection,
        source: &Source,
        from: i64,
        order: Order,
        size: i64,
        expect: &[i64],
    ) {
        let (mut place, mut found) = (from, Vec::new());
        loop {
            let chunk = source.chunk(conn, place, order, size).unwrap();
            match chunk.which {
                Which::Range(low, high) if order == Order::NewestFirst => {
                    found.extend((low..=high).rev());
                }
                Which::Range(low, high) => found.extend(low..=high),
                Which::Numbers(numbers) => found.extend(numbers),
            }
            if chunk.is_final {
                break;
            }
            assert_ne!(chunk.last, place, "it goes on");
            place = chunk.last;
        }
        assert_eq!(found, expect);
    }

    #[test]
    fn several_indexes_give_their_candidates_in_one_order() {
        let conn = Connection::open_in_memory().unwrap();
        conn.execute_batch(
            "CREATE TABLE things (no INTEGER PRIMARY KEY, kind INTEGER);
             CREATE INDEX things_kind ON things (kind);
             INSERT INTO things VALUES (1, 1), (2, 2), (3, 1), (4, 1), (5, 3), (6, 2), (9, 1);",
        )
        .unwrap();
        let kinds = |kinds: &[i64]| {
            let index = |kind: &i64| walk!("things", "kind = ?3", Some(Box::new(*kind)));
            Source::Indexes(kinds.iter().map(index).collect())
        };
        for size in 1..8 {
            let newest = Order::NewestFirst;
            check_on(&conn, &kinds(&[1]), i64::MAX, newest, size, &[9, 4, 3, 1]);
            check_on(&conn, &kinds(&[2, 1]), 9, newest, size, &[6, 4, 3, 2, 1]);
            let oldest = Order::OldestFirst;
            check_on(&conn, &kinds(&[1, 2, 7]), 2, oldest, size, &[3, 4, 6, 9]);
            check_on(&conn, &kinds(&[7]), 0, oldest, size, &[]);
            check_on(&conn, &kinds(&[]), 0, oldest, size, &[]);
        }
    }

    #[test]
    fn chunks_of_any_size_give_every_candidate_once_and_in_order() {
        let all = Source::all(5);
        let some = Source::Ranges(vec![(1, 2), (5, 9), (11, 11)]);
        let these = Source::These(vec![2, 3, 7]);
        for size in 1..8 {
            check(&all, i64::MAX, Order::NewestFirst, size, &[5, 4, 3, 2, 1]);
            check(&all, 3, Order::NewestFirst, size, &[2, 1]);
            check(&all, 1, Order::NewestFirst, size, &[]);
            check(&all, 0, Order::OldestFirst, size, &[1, 2, 3, 4, 5]);
            check(&all, 3, Order::OldestFirst, size, &[4, 5]);
            check(&all, 5, Order::OldestFirst, size, &[]);
            let up = [1, 2, 5, 6, 7, 8, 9, 11];
            let down = [11, 9, 8, 7, 6, 5, 2, 1];
            check(&some, 0, Order::OldestFirst, size, &up);
            check(&some, 2, Order::OldestFirst, size, &up[2..]);
            check(&some, 6, Order::OldestFirst, size, &up[4..]);
            check(&some, i64::MAX, Order::NewestFirst, size, &down);
            check(&some, 5, Order::NewestFirst, size, &down[6..]);
            check(&some, 4, Order::NewestFirst, size, &down[6..]);
            check(&some, 8, Order::NewestFirst, size, &down[3..]);
            check(&these, i64::MAX, Order::NewestFirst, size, &[7, 3, 2]);
            check(&these, 7, Order::NewestFirst, size, &[3, 2]);
            check(&these, 0, Order::OldestFirst, size, &[2, 3, 7]);
            check(&these, 3, Order::OldestFirst, size, &[7]);
        }
        let none = Source::Ranges(Vec::new());
        check(&none, i64::MAX, Order::NewestFirst, 4, &[]);
        check(&none, 0, Order::OldestFirst, 4, &[]);
    }

    /// A place may lie above what is there: rows may have been deleted since.
    #[test]
    fn nothing_is_newer_than_a_place_above_all() {
        let all = Source::all(5);
        let conn = Connection::open_in_memory().unwrap();
        let chunk = all.chunk(&conn, 9, Order::OldestFirst, 4).unwrap();
        assert!(chunk.is_final);
        assert_eq!(chunk.last, 9);
    }
}
