//! Which of a pool's queues a claim takes runs from, and how many.
//!
//! ```text
//! queue, by its priority  \
//!                          line: ready runs of one queue and priority, the longest ready first
//! run, by its priority    /
//! ```
//!
//! The lines stand in the order of the queues' priorities, and within a queue in that of the runs'.
//! Lines of the same rank are one: whoever has waited longest is first.
//!
//! Every tenth start of a pool goes to the run that has waited longest, whatever its line. So no
//! line starves while the pool goes on: each run becomes the one that has waited longest. A queue
//! that is paused or full is passed over.
//!
//! A run whose queue was deleted is as one of `default`.

use std::collections::HashMap;

use model::{Priority, QueueName, Timestamp, WorkQueue};

/// Every so many starts one goes to the run that has waited longest.
const LONGEST_EVERY: u64 = 10;

/// A queue's number within its pool. No number is given twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct QueueKey(pub i64);

impl QueueKey {
    /// The queue that each pool has.
    pub const DEFAULT: Self = Self(0);
}

/// A queue and a priority in one number, as it is kept with a run and in the index of those that
/// are ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LineKey(pub i64);

const BITS: u32 = 8;

impl LineKey {
    pub fn of(queue: QueueKey, priority: Priority) -> Self {
        Self(queue.0 << BITS | i64::from(priority.get()))
    }

    pub fn queue(self) -> QueueKey {
        QueueKey(self.0 >> BITS)
    }

    pub fn priority(self) -> Priority {
        let number = self.0 & ((1 << BITS) - 1);
        let number = u8::try_from(number).unwrap_or_default();
        Priority::new(number).unwrap_or_default()
    }
}

/// A queue, as a claim sees it.
#[derive(Clone, Debug)]
pub struct Queue {
    pub key: QueueKey,
    pub name: QueueName,
    pub priority: Priority,
    /// How many more of its runs may start. None: as many as the pool has room for.
    pub room: Option<u32>,
}

impl Queue {
    /// `active` counts its runs that hold a slot; it matters where it has a limit.
    pub fn new(key: QueueKey, queue: WorkQueue, active: u64) -> Self {
        let active = u32::try_from(active).unwrap_or(u32::MAX);
        let room = match queue.limit {
            _ if queue.paused => Some(0),
            limit => limit.map(|limit| limit.saturating_sub(active)),
        };
        Self {
            key,
            name: queue.name,
            priority: queue.priority,
            room,
        }
    }
}

/// A line that a claim may take runs from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lane {
    pub line: LineKey,
    /// The queue whose room it takes.
    queue: QueueKey,
    rank: (Priority, Priority),
    /// How many runs it may give at most.
    pub room: u32,
}

/// The lines that a claim of up to `wanted` runs may take from, the first first. `asked`: the
/// queues that the worker takes runs of; all of them if none is named.
pub fn lanes(lines: &[LineKey], queues: &[Queue], asked: &[QueueName], wanted: u32) -> Vec<Lane> {
    let by_key = |key| queues.iter().find(|queue| queue.key == key);
    let lane = |line: &LineKey| {
        let queue = by_key(line.queue()).or_else(|| by_key(QueueKey::DEFAULT))?;
        let is_asked = asked.is_empty() || asked.contains(&queue.name);
        let room = queue.room.map_or(wanted, |room| room.min(wanted));
        (is_asked && room > 0).then_some(Lane {
            line: *line,
            queue: queue.key,
            rank: (queue.priority, line.priority()),
            room,
        })
    };
    let mut lanes: Vec<Lane> = lines.iter().filter_map(lane).collect();
    lanes.sort_by_key(|lane| (lane.rank, lane.line));
    lanes
}

/// How many runs to take from each lane. `ready` has since when its runs are ready, in their
/// order, for as many as it may give. `turn` counts the starts of the pool before this claim.
pub fn choose(lanes: &[Lane], ready: &[Vec<Timestamp>], wanted: u32, turn: u64) -> Vec<u32> {
    let mut taken = vec![0; lanes.len()];
    let mut rooms: HashMap<QueueKey, u32> = HashMap::new();
    for lane in lanes {
        rooms.insert(lane.queue, lane.room);
    }
    for start in 0..u64::from(wanted) {
        let is_for_the_longest = (turn + start) % LONGEST_EVERY == LONGEST_EVERY - 1;
        let heads = lanes.iter().enumerate().filter_map(|(at, lane)| {
            let since = ready[at].get(taken[at] as usize)?;
            (rooms[&lane.queue] > 0).then_some((at, lane, *since))
        });
        let next = if is_for_the_longest {
            heads.min_by_key(|(_, lane, since)| (*since, lane.rank))
        } else {
            heads.min_by_key(|(_, lane, since)| (lane.rank, *since))
        };
        let Some((at, lane, _)) = next else { break };
        taken[at] += 1;
        *rooms.entry(lane.queue).or_default() -= 1;
    }
    taken
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::PoolName;
    use proptest::prelude::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp(seconds * 1_000_000)
    }

    fn priority(number: u8) -> Priority {
        Priority::new(number).unwrap()
    }

    fn queue(key: i64, first: u8, limit: Option<u32>, active: u64) -> Queue {
        let queue = WorkQueue {
            pool: PoolName::default_pool(),
            name: QueueName::trusted(format!("q{key}")),
            priority: priority(first),
            limit,
            paused: false,
            created: at(0),
        };
        Queue::new(QueueKey(key), queue, active)
    }

    fn line(queue: i64, run: u8) -> LineKey {
        LineKey::of(QueueKey(queue), priority(run))
    }

    #[test]
    fn a_line_holds_its_queue_and_its_priority() {
        for queue in [0, 1, 77, i64::from(u32::MAX)] {
            for run in [1, 50, 100] {
                let line = line(queue, run);
                assert_eq!(line.queue(), QueueKey(queue));
                assert_eq!(line.priority(), priority(run));
            }
        }
    }

    #[test]
    fn the_first_line_is_emptied_first_and_every_tenth_start_is_for_the_longest() {
        let queues = [queue(0, 50, None, 0), queue(1, 1, None, 0)];
        let lanes = lanes(&[line(0, 50), line(1, 50)], &queues, &[], 30);
        assert_eq!(lanes[0].line, line(1, 50));
        let urgent: Vec<_> = (100..130).map(at).collect();
        let slow: Vec<_> = (0..30).map(at).collect();
        let ready = [urgent, slow];
        assert_eq!(choose(&lanes, &ready, 5, 0), [5, 0]);
        assert_eq!(choose(&lanes, &ready, 30, 0), [27, 3]);
        // The count goes on from claim to claim.
        assert_eq!(choose(&lanes, &ready, 1, 9), [0, 1]);
        assert_eq!(choose(&lanes, &ready, 1, 10), [1, 0]);
    }

    #[test]
    fn a_queue_has_no_more_than_its_limit() {
        let queues = [queue(0, 50, None, 0), queue(1, 1, Some(3), 2)];
        let lanes = lanes(&[line(0, 50), line(1, 1), line(1, 9)], &queues, &[], 9);
        let ready = [vec![at(1); 9], vec![at(2); 9], vec![at(3); 9]];
        assert_eq!(choose(&lanes, &ready, 4, 0), [1, 0, 3]);
    }

    #[test]
    fn a_worker_may_ask_for_some_queues_and_a_deleted_one_is_the_default() {
        let queues = [queue(0, 50, None, 0), queue(1, 1, None, 0)];
        let lines = [line(0, 50), line(1, 50), line(7, 50)];
        let of = |names: &[&str]| {
            let names: Vec<_> = names.iter().map(|name| QueueName::trusted(*name)).collect();
            let lanes = lanes(&lines, &queues, &names, 1);
            lanes.iter().map(|lane| lane.line.0).collect::<Vec<_>>()
        };
        assert_eq!(of(&["q1"]), [line(1, 50).0]);
        assert_eq!(of(&["q0"]), [line(0, 50).0, line(7, 50).0]);
        assert_eq!(of(&["other"]), [0; 0]);
    }

    proptest! {
        /// Whatever the lines and whatever comes to them, a run starts at the latest after ten
        /// times as many starts as there are runs that have waited longer.
        #[test]
        fn no_line_starves(
            urgent in prop::collection::vec(0_i64..50, 1..40),
            behind in 0_usize..10,
            sizes in prop::collection::vec(1_u32..7, 200),
        ) {
            let queues = [queue(0, 100, None, 0), queue(1, 1, None, 0)];
            let mut slow: Vec<_> = (0..=behind as i64).map(at).collect();
            // New runs come to the first line for ever.
            let mut fast: Vec<_> = urgent.iter().map(|more| at(1000 + more)).collect();
            fast.sort();
            let mut turn = 0;
            for size in sizes {
                let lanes = lanes(&[line(0, 100), line(1, 1)], &queues, &[], size);
                let taken = choose(&lanes, &[fast.clone(), slow.clone()], size, turn);
                prop_assert_eq!(taken.iter().sum::<u32>(), size.min((fast.len() + slow.len()) as u32));
                fast.drain(..taken[0] as usize);
                slow.drain(..taken[1] as usize);
                fast.extend((0..size).map(|_| at(2000 + turn as i64)));
                turn += u64::from(taken.iter().sum::<u32>());
                if slow.is_empty() {
                    break;
                }
            }
            prop_assert!(slow.is_empty());
            prop_assert!(turn <= 10 * (behind as u64 + 1) + 7);
        }

        /// No start is wasted while a queue that has room has ready runs, and none is over a
        /// limit.
        #[test]
        fn room_is_used_and_not_overdrawn(
            limits in prop::collection::vec((prop::option::of(0_u32..5), 1_u8..=100, 0_usize..6, 0_usize..6), 1..5),
            wanted in 0_u32..12,
            turn in 0_u64..40,
        ) {
            let queues: Vec<_> = limits
                .iter()
                .zip(0..)
                .map(|((limit, first, ..), key)| queue(key, *first, *limit, 0))
                .collect();
            let lines: Vec<_> = (0..limits.len() as i64)
                .flat_map(|key| [line(key, 10), line(key, 60)])
                .collect();
            let lanes = lanes(&lines, &queues, &[], wanted);
            let waiting = |lane: &Lane| {
                let (_, _, one, other) = limits[lane.line.queue().0 as usize];
                if lane.line.priority() == priority(10) { one } else { other }
            };
            let ready: Vec<_> = lanes.iter().map(|lane| vec![at(1); waiting(lane)]).collect();
            let taken = choose(&lanes, &ready, wanted, turn);
            let mut possible = 0;
            for (key, (limit, _, one, other)) in limits.iter().enumerate() {
                let of_queue: u32 = lanes
                    .iter()
                    .zip(&taken)
                    .filter(|(lane, _)| lane.line.queue() == QueueKey(key as i64))
                    .map(|(_, taken)| taken)
                    .sum();
                prop_assert!(limit.is_none_or(|limit| of_queue <= limit));
                possible += limit.unwrap_or(u32::MAX).min((one + other) as u32);
            }
            prop_assert_eq!(taken.iter().sum::<u32>(), wanted.min(possible));
        }
    }
}
