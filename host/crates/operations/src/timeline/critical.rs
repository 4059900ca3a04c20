//! What the time of a run went to.
//!
//! ```text
//! from the end back:  the flow <- what settled last before <- its latest need, or the flow
//!                     at the time of the call <- ...
//! ```
//!
//! It is found from the times: what settled last is taken for what the flow waited for. Each
//! call is looked at once, so the path is linear in the calls.

use std::collections::HashMap;

use model::{Seq, Timestamp};

use super::items::{Item, Items};
use super::shape::RowKind;

/// A part of the path. The parts follow each other without gaps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// The row; 0 for the flow itself.
    pub key: u64,
    pub from: Timestamp,
    pub to: Timestamp,
    /// Whether the run had not begun to be executed.
    pub is_queue: bool,
}

/// What one row has of the path.
#[derive(Clone, Debug, PartialEq)]
pub struct Share {
    pub key: u64,
    /// The row's name; of the flow itself `flow`, and of the time before it began `queue`.
    pub name: String,
    pub us: i64,
}

/// Calls by when they settled; what has not settled may be what the run waits for now.
fn by_end(items: &Items) -> Vec<(Timestamp, usize)> {
    let called = items.all.iter().enumerate().skip(1);
    let now = items.open.then_some(items.to);
    let mut ends: Vec<(Timestamp, usize)> = called
        .filter(|(_, item)| !item.is_kept && item.kind != RowKind::Subflow)
        .filter_map(|(n, item)| Some((item.to.or(now)?, n)))
        .filter(|(end, n)| items.all[*n].from < *end)
        .collect();
    // Of those that end together the longest stands for all: it is looked at first.
    ends.sort_by_key(|(end, n)| (*end, std::cmp::Reverse(items.all[*n].from)));
    ends
}

/// From the beginning of the attempt to its end.
pub(super) fn path(items: &Items) -> Vec<Step> {
    let ends = by_end(items);
    let seqs: HashMap<u64, usize> = items
        .all
        .iter()
        .enumerate()
        .map(|(n, item)| (item.key, n))
        .collect();
    let begin = items.from;
    let mut steps = Vec::new();
    let mut add = |key, from: Timestamp, to: Timestamp| {
        if from < to {
            steps.push(Step {
                key,
                from,
                to,
                is_queue: false,
            });
        }
    };
    let mut at = items.to;
    let mut left = ends.len();
    while at > begin {
        while left > 0 && (ends[left - 1].0 > at || items.all[ends[left - 1].1].from >= at) {
            left -= 1;
        }
        let Some((end, n)) = left.checked_sub(1).map(|last| ends[last]) else {
            add(0, begin, at);
            break;
        };
        left -= 1;
        add(0, end.max(begin), at);
        at = end.min(at);
        // Along what it needed, as long as that settled after it was called.
        let mut item = &items.all[n];
        loop {
            let need = latest_need(item, items, &seqs, at);
            let from = need.map_or(item.from, |(settled, _)| settled);
            add(item.key, from.max(begin), at);
            at = from;
            match need {
                Some((_, next)) if at > begin => item = next,
                _ => break,
            }
        }
    }
    steps.reverse();
    split_queue(steps, items)
}

/// The need that settled last, if the call had to wait for it.
fn latest_need<'i>(
    item: &Item,
    items: &'i Items,
    seqs: &HashMap<u64, usize>,
    at: Timestamp,
) -> Option<(Timestamp, &'i Item)> {
    let need = |seq: &Seq| {
        let need = &items.all[*seqs.get(&seq.0)?];
        let settled = need.to?;
        let waited = item.from < settled && settled < at && !need.is_kept;
        // A call needs only what was called before it.
        (waited && need.key < item.key).then_some((settled, need))
    };
    let needs = item.needs.iter().filter_map(need);
    needs.max_by_key(|(settled, need)| (*settled, need.key))
}

/// What the flow had before it began to be executed was no work of it.
fn split_queue(steps: Vec<Step>, items: &Items) -> Vec<Step> {
    let started = items.started.unwrap_or(items.to);
    let mut split = Vec::with_capacity(steps.len() + 1);
    for step in steps {
        if step.key != 0 || step.from >= started {
            split.push(step);
            continue;
        }
        let until = step.to.min(started);
        split.push(Step {
            to: until,
            is_queue: true,
            ..step
        });
        if until < step.to {
            split.push(Step {
                from: until,
                ..step
            });
        }
    }
    split
}

/// What each row has of the path, the largest first.
pub(super) fn shares(items: &Items, path: &[Step]) -> Vec<Share> {
    let mut sums: HashMap<(u64, bool), i64> = HashMap::new();
    for step in path {
        *sums.entry((step.key, step.is_queue)).or_default() += step.to.0 - step.from.0;
    }
    let names: HashMap<u64, &str> = items
        .all
        .iter()
        .map(|item| (item.key, item.name.as_str()))
        .collect();
    let mut shares: Vec<Share> = sums
        .into_iter()
        .map(|((key, is_queue), us)| Share {
            key,
            name: match (key, is_queue) {
                (_, true) => "queue".to_owned(),
                (0, false) => "flow".to_owned(),
                _ => names.get(&key).copied().unwrap_or_default().to_owned(),
            },
            us,
        })
        .collect();
    shares.sort_by(|a, b| b.us.cmp(&a.us).then_with(|| a.name.cmp(&b.name)));
    shares
}
