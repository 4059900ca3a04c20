//! Runs that wait for each other's slots for ever.
//!
//! ```text
//! who has and wants what, who waits for which run --> what could still go on, if all that can
//!                                                     goes on? --> nothing else: a deadlock
//! ```
//!
//! Two kinds are told apart. Runs that *hold* what the others want wait until a person cancels one
//! of them or makes a limit larger. But where slots are free, and only the order of a line is in the
//! way (its first waits for slots of another limit, too, which somebody has who waits behind it), one
//! may *pass*: nobody is the worse for it, as without that nobody of them ever goes on.
//!
//! Nothing is called a deadlock that could end by itself: a run that is executed goes on, a task ends
//! and gives back what it has, and so does a rate limit. What is asked for later is not known.

use std::collections::{HashMap, HashSet};

use super::plan::GivenBack;
use model::{LimitName, RunId, Seq, Taker, Timestamp};

/// What is known of those who want slots of limits.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Standing {
    /// How many slots limits have. What is not among them is in nobody's way: there is no such limit,
    /// or it is one of so many within a time.
    pub limits: HashMap<LimitName, u32>,
    /// What runs have, or wait for.
    pub claims: Vec<LimitClaim>,
    /// Runs that are suspended: those that have claims, and those that these wait for.
    pub suspended: Vec<Suspended>,
}

impl Standing {
    /// The limits that may be in the way: of those that are there, each with its slots and whether
    /// they are given back, and of those that are there by themselves.
    pub fn limits_of(
        there: Vec<(LimitName, u32, bool)>,
        claims: &[LimitClaim],
    ) -> HashMap<LimitName, u32> {
        let built_in = claims.iter().filter_map(|claim| {
            let slots = claim.limit.built_in_slots()?;
            Some((claim.limit.clone(), slots))
        });
        let made = there.iter().filter(|(_, _, is_given_back)| *is_given_back);
        let made = made.map(|(name, slots, _)| (name.clone(), *slots));
        built_in.chain(made).collect()
    }
}

/// What a run has of one limit, or waits for.
#[derive(Clone, Debug, PartialEq)]
pub struct LimitClaim {
    pub run: RunId,
    /// None: the run itself, as long as it is under way.
    pub taker: Option<Taker>,
    pub limit: LimitName,
    pub line: String,
    pub slots: u32,
    pub asked: Timestamp,
    pub is_granted: bool,
}

/// A run that waits, executed by nobody.
#[derive(Clone, Debug, PartialEq)]
pub struct Suspended {
    pub run: RunId,
    /// It goes on once so many more of these calls have settled.
    pub needs: u32,
    pub calls: Vec<AwaitedCall>,
}

impl Suspended {
    /// From their calls, those of each run together: how many more have to settle, and one of them.
    pub fn of(
        calls: Vec<(RunId, u64, Option<Seq>)>,
        target: impl Fn(RunId, Seq) -> Option<RunId>,
    ) -> Vec<Self> {
        let mut all: Vec<Self> = Vec::new();
        for (run, needs, seq) in calls {
            if all.last().is_none_or(|it| it.run != run) {
                all.push(Self {
                    run,
                    needs: u32::try_from(needs).unwrap_or(u32::MAX),
                    calls: Vec::new(),
                });
            }
            if let (Some(seq), Some(suspended)) = (seq, all.last_mut()) {
                let target = target(run, seq);
                suspended.calls.push(AwaitedCall { seq, target });
            }
        }
        all
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AwaitedCall {
    pub seq: Seq,
    /// The run that it waits for, if it waits for one.
    pub target: Option<RunId>,
}

/// Runs of which none goes on by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deadlock {
    /// In the order in which they have asked.
    pub runs: Vec<RunId>,
    /// Who may pass those before it, so that some of them go on.
    pub may_pass: Option<(RunId, Option<Taker>)>,
}

/// Those that wait for each other for ever, if any do.
pub fn deadlock(standing: &Standing) -> Option<Deadlock> {
    let mut future = Future::of(standing);
    future.play();
    let runs = future.stuck();
    if runs.is_empty() {
        return None;
    }
    let ended = future.ended.len();
    let helps = |at: &usize| match future.asked[*at].taker {
        // It begins, or is executed, and ends.
        None | Some(Taker::Task(_)) => true,
        // It has more than before, and may be none the nearer to its end.
        Some(Taker::Code(_)) => {
            let mut other = future.clone();
            other.grant(*at);
            other.play();
            other.ended.len() > ended
        }
    };
    let needed = future.needed();
    let waits = |at: &usize| {
        let asking = &future.asked[*at];
        !asking.is_granted && needed.contains(&asking.run) && future.is_free(asking)
    };
    let found = (0..future.asked.len()).filter(waits).find(helps);
    let may_pass = found.map(|at| (future.asked[at].run, future.asked[at].taker));
    Some(Deadlock { runs, may_pass })
}

type Line<'s> = (&'s LimitName, &'s str);

/// What somebody asks for at once.
#[derive(Clone)]
struct Asking<'s> {
    run: RunId,
    taker: Option<Taker>,
    asked: Timestamp,
    takes: Vec<(Line<'s>, u32)>,
    is_granted: bool,
}

/// What comes, if everybody goes on who can.
#[derive(Clone)]
struct Future<'s> {
    /// Lines of limits that there are, and the slots that nobody has for long. Less than none of a
    /// limit that was made smaller.
    free: HashMap<Line<'s>, i64>,
    limits: &'s HashMap<LimitName, u32>,
    /// In the order of asking.
    asked: Vec<Asking<'s>>,
    /// Where there is what a run asks for.
    asked_by: HashMap<RunId, Vec<usize>>,
    /// What runs have until they are over.
    has: HashMap<RunId, Vec<(Line<'s>, u32)>>,
    suspended: HashMap<RunId, &'s Suspended>,
    runs: Vec<RunId>,
    known: HashSet<RunId>,
    ended: HashSet<RunId>,
}

impl<'s> Future<'s> {
    fn of(standing: &'s Standing) -> Self {
        let suspended = standing.suspended.iter().map(|it| (it.run, it));
        let mut future = Self {
            free: HashMap::new(),
            limits: &standing.limits,
            asked: Vec::new(),
            asked_by: HashMap::new(),
            has: HashMap::new(),
            suspended: suspended.collect(),
            runs: Vec::new(),
            known: HashSet::new(),
            ended: HashSet::new(),
        };
        for claim in &standing.claims {
            let line = (&claim.limit, claim.line.as_str());
            let Some(slots) = standing.limits.get(&claim.limit) else {
                continue;
            };
            let free = future.free.entry(line).or_insert(i64::from(*slots));
            // A task gives back by itself what it has.
            let is_held = claim.is_granted && !matches!(claim.taker, Some(Taker::Task(_)));
            if is_held {
                *free -= i64::from(claim.slots);
                let has = future.has.entry(claim.run).or_default();
                has.push((line, claim.slots));
            }
        }
        let mut together: HashMap<(RunId, i64), usize> = HashMap::new();
        for claim in standing.claims.iter().filter(|it| !it.is_granted) {
            let take = ((&claim.limit, claim.line.as_str()), claim.slots);
            let number = claim.taker.map_or(GivenBack::WHOLE, GivenBack::number);
            let at = *together.entry((claim.run, number)).or_insert_with(|| {
                future.asked.push(Asking {
                    run: claim.run,
                    taker: claim.taker,
                    asked: claim.asked,
                    takes: Vec::new(),
                    is_granted: false,
                });
                future.asked.len() - 1
            });
            future.asked[at].takes.push(take);
        }
        future.asked.sort_by_key(|it| it.asked);
        for (at, asking) in future.asked.iter().enumerate() {
            future.asked_by.entry(asking.run).or_default().push(at);
        }
        let asking = future.asked.iter().map(|it| it.run);
        let known = asking.chain(standing.claims.iter().map(|it| it.run));
        let known = known.chain(standing.suspended.iter().map(|it| it.run));
        let mut seen = HashSet::new();
        future.runs = known.filter(|run| seen.insert(*run)).collect();
        future.known = seen;
        future
    }

    fn play(&mut self) {
        let mut goes_on = true;
        while goes_on {
            goes_on = false;
            // In which somebody waits who has come before.
            let mut lines: HashSet<Line<'_>> = HashSet::new();
            for at in 0..self.asked.len() {
                let asking = &self.asked[at];
                if asking.is_granted {
                    continue;
                }
                let is_first = !asking.takes.iter().any(|(line, _)| lines.contains(line));
                if is_first && self.is_free(asking) {
                    self.grant(at);
                    goes_on = true;
                } else {
                    let there = asking.takes.iter().map(|(line, _)| *line);
                    lines.extend(there.filter(|line| self.free.contains_key(line)));
                }
            }
            for at in 0..self.runs.len() {
                let run = self.runs[at];
                if !self.ended.contains(&run) && self.may_end(run) {
                    self.end(run);
                    goes_on = true;
                }
            }
        }
    }

    /// Whether there is room for all that is asked for.
    fn is_free(&self, asking: &Asking<'_>) -> bool {
        asking.takes.iter().all(|(line, slots)| {
            // Who asks for more than there is has all of it.
            let most = self.limits.get(line.0).copied().unwrap_or(u32::MAX);
            let wanted = i64::from((*slots).min(most.max(1)));
            self.free.get(line).is_none_or(|free| *free >= wanted)
        })
    }

    fn grant(&mut self, at: usize) {
        let asking = &mut self.asked[at];
        asking.is_granted = true;
        if matches!(asking.taker, Some(Taker::Task(_))) {
            return;
        }
        let (run, takes) = (asking.run, asking.takes.clone());
        for (line, slots) in takes {
            if let Some(free) = self.free.get_mut(&line) {
                *free -= i64::from(slots);
                self.has.entry(run).or_default().push((line, slots));
            }
        }
    }

    /// Whether nothing that is known holds a run up.
    fn may_end(&self, run: RunId) -> bool {
        let asked = self.asked_by.get(&run).into_iter().flatten();
        let asked = asked.map(|at| &self.asked[*at]);
        let mut waiting = asked.filter(|it| !it.is_granted);
        match self.suspended.get(&run) {
            // It has not begun, or is executed, and takes what it needs as it comes.
            None => waiting.all(|it| it.taker.is_some()),
            Some(suspended) => {
                let unsettled: HashSet<Seq> =
                    waiting.filter_map(|it| it.taker.map(Taker::seq)).collect();
                let settles = |call: &&AwaitedCall| {
                    let is_over = |target: RunId| {
                        self.ended.contains(&target) || !self.known.contains(&target)
                    };
                    call.target.is_none_or(is_over) && !unsettled.contains(&call.seq)
                };
                let settling = suspended.calls.iter().filter(settles).count();
                settling >= suspended.needs as usize
            }
        }
    }

    /// A run gives back all that it has, and waits for nothing.
    fn end(&mut self, run: RunId) {
        self.ended.insert(run);
        for at in self.asked_by.get(&run).into_iter().flatten() {
            self.asked[*at].is_granted = true;
        }
        for (line, slots) in self.has.remove(&run).unwrap_or_default() {
            if let Some(free) = self.free.get_mut(&line) {
                *free += i64::from(slots);
            }
        }
    }

    /// Those who have slots, and those for whom these wait: as they go on, others get theirs.
    fn needed(&self) -> HashSet<RunId> {
        let mut needed = HashSet::new();
        let mut found: Vec<RunId> = self.has.keys().copied().collect();
        while let Some(run) = found.pop() {
            if needed.insert(run)
                && let Some(suspended) = self.suspended.get(&run)
            {
                found.extend(suspended.calls.iter().filter_map(|call| call.target));
            }
        }
        needed
    }

    fn stuck(&self) -> Vec<RunId> {
        let is_stuck = |run: &&RunId| !self.ended.contains(*run);
        self.runs.iter().filter(is_stuck).copied().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(n: u128) -> RunId {
        RunId(uuid::Uuid::from_u128(n))
    }

    /// A standing in words: `a has db`, `b wants api, db`, `a waits for b`.
    fn standing(limits: &[(&str, u32)], said: &[&str]) -> Standing {
        let mut standing = Standing::default();
        for (name, slots) in limits {
            standing.limits.insert(name.parse().unwrap(), *slots);
        }
        for (at, line) in said.iter().enumerate() {
            let (who, what) = line.split_once(' ').unwrap();
            let run = run(u128::from(who.as_bytes()[0]));
            let seq = Seq(at as u64 + 1);
            let (verb, rest) = what.split_once(' ').unwrap();
            if let Some(target) = rest.strip_prefix("for ") {
                let call = AwaitedCall {
                    seq,
                    target: Some(super::tests::run(u128::from(target.as_bytes()[0]))),
                };
                suspend(&mut standing, run, call);
                continue;
            }
            let (taker, names) = match rest.split_once(" by ") {
                None => (None, rest),
                Some((names, "code")) => (Some(Taker::Code(seq)), names),
                Some((names, _)) => (Some(Taker::Task(seq)), names),
            };
            let is_granted = verb == "has";
            for name in names.split(", ") {
                let (name, slots) = match name.split_once('*') {
                    Some((name, slots)) => (name, slots.parse().unwrap()),
                    None => (name, 1),
                };
                standing.claims.push(LimitClaim {
                    run,
                    taker,
                    limit: name.parse().unwrap(),
                    line: String::new(),
                    slots,
                    asked: Timestamp(at as i64),
                    is_granted,
                });
            }
            if taker.is_some() && !is_granted {
                suspend(&mut standing, run, AwaitedCall { seq, target: None });
            }
        }
        standing
    }

    fn suspend(standing: &mut Standing, run: RunId, call: AwaitedCall) {
        let found = standing.suspended.iter_mut().find(|it| it.run == run);
        match found {
            Some(suspended) => {
                suspended.needs += 1;
                suspended.calls.push(call);
            }
            None => standing.suspended.push(Suspended {
                run,
                needs: 1,
                calls: vec![call],
            }),
        }
    }

    fn names(runs: &[RunId]) -> String {
        let name = |run: &RunId| char::from(run.0.as_u128() as u8);
        runs.iter().map(name).collect()
    }

    /// Who never goes on, and who may pass.
    #[track_caller]
    fn check(limits: &[(&str, u32)], said: &[&str], stuck: &str, passes: Option<char>) {
        let standing = standing(limits, said);
        let found = deadlock(&standing);
        let runs = found.as_ref().map(|it| names(&it.runs));
        let passing = found.and_then(|it| it.may_pass);
        assert_eq!(runs.unwrap_or_default(), stuck, "{said:?}");
        let passing = passing.map(|(run, _)| names(&[run]));
        assert_eq!(passing, passes.map(String::from), "{said:?}");
    }

    const ONE_EACH: [(&str, u32); 2] = [("api", 1), ("db", 1)];

    #[test]
    fn who_waits_for_somebody_that_goes_on_is_not_stuck() {
        check(
            &ONE_EACH,
            &["a has db", "b wants db", "c wants db"],
            "",
            None,
        );
        check(
            &ONE_EACH,
            &["a has db", "b wants api, db", "c wants api"],
            "",
            None,
        );
        let task = ["a has db by task", "b wants db", "a waits for b"];
        check(&ONE_EACH, &task, "", None);
    }

    #[test]
    fn who_waits_behind_one_that_waits_for_its_parent_may_pass() {
        let said = [
            "a has db",
            "b wants api, db",
            "c wants api",
            "a waits for c",
        ];
        check(&ONE_EACH, &said, "bca", Some('c'));
        // Nobody else does, even if it stands before it.
        let said = [
            "a has db",
            "b wants api, db",
            "d wants api",
            "c wants api",
            "a waits for c",
        ];
        check(&ONE_EACH, &said, "bdca", Some('c'));
    }

    #[test]
    fn a_task_may_pass_who_waits_for_what_its_own_run_has() {
        let said = ["a has db", "b wants api, db", "a wants api by task"];
        check(&ONE_EACH, &said, "ba", Some('a'));
    }

    #[test]
    fn over_two_families_somebody_may_pass_too() {
        let limits = [("p", 1), ("q", 1), ("c", 1), ("d", 1)];
        let said = [
            "a has p",
            "g has q",
            "e wants c, q",
            "f wants d, p",
            "x wants c",
            "y wants d",
            "a waits for x",
            "g waits for y",
        ];
        check(&limits, &said, "efxyag", Some('x'));
    }

    #[test]
    fn who_has_what_the_other_wants_waits_for_ever() {
        let said = [
            "a has db by code",
            "b has api by code",
            "a wants api by code",
            "b wants db by code",
            "c wants db",
        ];
        check(&ONE_EACH, &said, "abc", None);
        check(
            &ONE_EACH,
            &["a has db", "b wants db", "a waits for b"],
            "ba",
            None,
        );
        check(&ONE_EACH, &["a has db", "a wants db by task"], "a", None);
    }

    #[test]
    fn others_are_not_part_of_it() {
        let said = ["a has db", "a wants db by task", "b has api", "c wants api"];
        check(&ONE_EACH, &said, "a", None);
    }

    #[test]
    fn whoever_needs_only_one_of_its_calls_goes_on_by_the_other() {
        let mut standing = standing(&ONE_EACH, &["a has db", "b wants db", "a waits for b"]);
        standing.suspended[0].calls.push(AwaitedCall {
            seq: Seq(99),
            target: None,
        });
        assert_eq!(deadlock(&standing), None, "a timer, say");
        standing.suspended[0].needs = 2;
        assert!(deadlock(&standing).is_some());
    }

    #[test]
    fn who_wants_more_than_there_is_waits_until_it_is_alone() {
        let said = ["a has db", "b wants db*5"];
        check(&ONE_EACH, &said, "", None);
        check(
            &[("db", 3)],
            &["a has db", "b wants db*5 by code"],
            "",
            None,
        );
        check(&[("db", 0)], &["b wants db"], "b", None);
    }

    #[test]
    fn a_limit_that_is_not_there_is_in_nobodys_way() {
        check(&[], &["a has db", "b wants db", "a waits for b"], "", None);
    }
}
