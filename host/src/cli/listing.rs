//! Listings that are read in parts, until there are enough.

use super::context::Context;
use super::output::Format;
use operations::client::{Answered, LIMIT_MAX, Page};

/// The first `count` items of a listing; all for 0. `part` gives those after a cursor, up to a
/// limit.
pub async fn collect<T, F>(
    count: u32,
    mut part: impl FnMut(u32, Option<String>) -> F,
) -> Answered<Vec<T>>
where
    F: Future<Output = Answered<Page<T>>>,
{
    let mut found = Vec::new();
    let mut cursor = None;
    loop {
        let left = match count {
            0 => LIMIT_MAX,
            count => count.saturating_sub(found.len() as u32).min(LIMIT_MAX),
        };
        if left == 0 {
            return Ok(found);
        }
        let page = part(left, cursor).await?;
        found.extend(page.items);
        cursor = page.next;
        if cursor.is_none() {
            return Ok(found);
        }
    }
}

/// The same of a listing that has the newest first, and whether there are more than `count`: one
/// more is asked for, which tells.
pub async fn newest<T, F>(
    count: u32,
    part: impl FnMut(u32, Option<String>) -> F,
) -> Answered<(Vec<T>, bool)>
where
    F: Future<Output = Answered<Page<T>>>,
{
    if count == 0 {
        return Ok((collect(0, part).await?, false));
    }
    let mut found = collect(count.saturating_add(1), part).await?;
    let has_more = found.len() > count as usize;
    found.truncate(count as usize);
    Ok((found, has_more))
}

/// Tells people that there are more; programs have asked for so many.
pub fn tell_of_more(shown: usize, cx: &Context) {
    if cx.out.format == Format::Text {
        cx.out.hint(&format!(
            "these are the newest {shown}; `--limit 0` shows all of them"
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(count: u32, there: u32, expect: &[u32]) {
        let asked = std::cell::RefCell::new(Vec::new());
        let part = |limit: u32, cursor: Option<String>| {
            asked.borrow_mut().push(limit);
            let from: u32 = cursor.map_or(0, |cursor| cursor.parse().unwrap());
            let end = (from + limit).min(there);
            let mut page = Page::<u32>::all(from..end);
            page.next = (end < there).then(|| end.to_string());
            async { Ok(page) }
        };
        let runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = { runtime }.build().unwrap();
        let found = runtime.block_on(collect(count, part)).unwrap();
        let all = if count == 0 { there } else { there.min(count) };
        assert_eq!(found, (0..all).collect::<Vec<u32>>());
        assert_eq!(*asked.borrow(), expect);
    }

    #[test]
    fn a_listing_is_read_until_there_is_enough() {
        check(15, 7, &[15]);
        check(15, 40, &[15]);
        check(0, 2500, &[1000, 1000, 1000]);
        check(1500, 2500, &[1000, 500]);
        check(0, 0, &[1000]);
    }
}
