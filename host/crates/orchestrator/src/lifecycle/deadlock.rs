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
//!
//! Each claim and each call is looked at a few times at most, however long the lines are.

use std::collections::{HashMap, HashSet, VecDeque};

use super::plan::GivenBack;
use model::{LimitName, RunId, Seq, Taker, Timestamp};

/// So many are tried of those that may pass.
const CANDIDATES_MAX: usize = 100;

/// So many are looked at more closely, of those whose passing may not help.
const TRIALS_MAX: usize = 20;

/// What is known of those who want slots of limits.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Standing {
    /// How many slots limits have. None: so many within a time, which are free again by themselves;
    /// only the order of the line counts. What is not among them is in nobody's way.
    pub limits: HashMap<LimitName, Option<u32>>,
    /// What runs have, or wait for.
    pub claims: Vec<LimitClaim>,
    /// Runs that are suspended: those that have claims, and those that wait for them.
    pub suspended: Vec<Suspended>,
}

impl Standing {
    /// The limits that may be in the way: of those that are there, each with its slots and whether
    /// they are given back, and of those that are there by themselves.
    pub fn limits_of(
        there: Vec<(LimitName, u32, bool)>,
        claims: &[LimitClaim],
    ) -> HashMap<LimitName, Option<u32>> {
        let built_in = claims.iter().filter_map(|claim| {
            let slots = claim.limit.built_in_slots()?;
            Some((claim.limit.clone(), Some(slots)))
        });
        let made = there.into_iter();
        let made = made.map(|(name, slots, is_given_back)| (name, is_given_back.then_some(slots)));
        built_in.chain(made).collect()
    }

    /// Whether there are so many slots of a limit at once.
    pub fn is_held(&self, limit: &LimitName) -> bool {
        self.limits.get(limit).is_some_and(Option::is_some)
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
    /// It goes on once so many more of these calls have settled, or a call gets its slots that is not
    /// among them.
    pub needs: u32,
    /// Whether it goes on at some time in any case.
    pub has_time: bool,
    pub calls: Vec<AwaitedCall>,
}

/// A run, how many more of its calls have to settle, whether it goes on at some time in any case, and
/// one of the calls.
pub type SuspendedCall = (RunId, u64, bool, Option<Seq>);

impl Suspended {
    /// From their calls, those of each run together.
    pub fn of(
        calls: Vec<SuspendedCall>,
        target: impl Fn(RunId, Seq) -> Option<RunId>,
    ) -> Vec<Self> {
        let mut all: Vec<Self> = Vec::new();
        for (run, needs, has_time, seq) in calls {
            if all.last().is_none_or(|it| it.run != run) {
                all.push(Self {
                    run,
                    needs: u32::try_from(needs).unwrap_or(u32::MAX),
                    has_time,
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

/// Who may pass those before it as soon as its slots are free, so that others go on: for whom somebody
/// waits that has slots. In the order of asking. Empty where nobody waits in vain.
pub fn who_may_pass(standing: &Standing) -> Vec<(RunId, Option<Taker>)> {
    if !may_be_stuck(standing) {
        return Vec::new();
    }
    let mut future = Future::of(standing, false);
    future.play();
    let found = future.candidates();
    let name = |at: usize| (future.asked[at].run, future.asked[at].taker);
    found.into_iter().map(name).collect()
}

/// Those that wait for each other for ever, also if whoever may pass does: first those that have slots,
/// then those for whom they wait, then the others in the order of asking.
pub fn deadlocked(standing: &Standing) -> Vec<RunId> {
    if !may_be_stuck(standing) {
        return Vec::new();
    }
    let mut future = Future::of(standing, true);
    future.play();
    loop {
        let candidates = future.candidates();
        if candidates.is_empty() {
            break;
        }
        for at in candidates {
            let asking = &future.asked[at];
            if !asking.is_done && future.is_free(asking) {
                future.grant(at);
                future.play();
            }
        }
    }
    let needed = future.needed();
    let mut runs = future.stuck();
    runs.sort_by_key(|run| (!future.has.contains_key(run), !needed.contains(run)));
    runs
}

/// Without somebody who waits while it has slots there is nothing to look for.
fn may_be_stuck(standing: &Standing) -> bool {
    let suspended: HashSet<RunId> = standing.suspended.iter().map(|it| it.run).collect();
    let mut claims = standing.claims.iter();
    claims.any(|claim| claim.is_granted && suspended.contains(&claim.run))
}

type Line<'s> = (&'s LimitName, &'s str);

/// What somebody asks for at once.
#[derive(Clone)]
struct Asking<'s> {
    run: RunId,
    taker: Option<Taker>,
    asked: Timestamp,
    takes: Vec<(Line<'s>, u32)>,
    /// It has its slots, or needs them no longer.
    is_done: bool,
}

/// A suspended run.
#[derive(Clone)]
struct Waiting {
    needs: u32,
    /// The calls that wait for slots.
    asking: HashSet<Seq>,
    /// The runs that it waits for.
    targets: Vec<RunId>,
}

/// What comes, if everybody goes on who can.
#[derive(Clone)]
struct Future<'s> {
    limits: &'s HashMap<LimitName, Option<u32>>,
    /// Slots that nobody has for long, where there is a number of them. Less than none of a limit that
    /// was made smaller.
    free: HashMap<Line<'s>, i64>,
    /// Those who stand in line, by their place in `asked`.
    lines: HashMap<Line<'s>, VecDeque<usize>>,
    /// In the order of asking.
    asked: Vec<Asking<'s>>,
    /// Where there is what a run asks for.
    asked_by: HashMap<RunId, Vec<usize>>,
    /// What runs have until they are over.
    has: HashMap<RunId, Vec<(Line<'s>, u32)>>,
    waiting: HashMap<RunId, Waiting>,
    /// Who waits for a run.
    watchers: HashMap<RunId, Vec<RunId>>,
    runs: Vec<RunId>,
    ended: HashSet<RunId>,
    /// Lines and runs in which something has changed.
    served: Vec<Line<'s>>,
    changed: Vec<RunId>,
}

impl<'s> Future<'s> {
    /// `in_time`: those go on that do so at some time in any case.
    fn of(standing: &'s Standing, in_time: bool) -> Self {
        let mut future = Self {
            limits: &standing.limits,
            free: HashMap::new(),
            lines: HashMap::new(),
            asked: Vec::new(),
            asked_by: HashMap::new(),
            has: HashMap::new(),
            waiting: HashMap::new(),
            watchers: HashMap::new(),
            runs: Vec::new(),
            ended: HashSet::new(),
            served: Vec::new(),
            changed: Vec::new(),
        };
        future.count_slots(standing);
        future.line_up(standing);
        let mut known = HashSet::new();
        let asking = future.asked.iter().map(|it| it.run);
        let all = asking.chain(standing.claims.iter().map(|it| it.run));
        let all = all.chain(standing.suspended.iter().map(|it| it.run));
        future.runs = all.filter(|run| known.insert(*run)).collect();
        for suspended in &standing.suspended {
            if !(in_time && suspended.has_time) {
                future.suspend(suspended, &known);
            }
        }
        future.served = future.lines.keys().copied().collect();
        future.changed = future.runs.clone();
        // What is asked of no limit that there is stands in no line.
        for at in 0..future.asked.len() {
            if future.asked[at].takes.is_empty() {
                future.grant(at);
            }
        }
        future
    }

    fn count_slots(&mut self, standing: &'s Standing) {
        for claim in &standing.claims {
            let Some(Some(slots)) = standing.limits.get(&claim.limit) else {
                continue;
            };
            let line = (&claim.limit, claim.line.as_str());
            let free = self.free.entry(line).or_insert(i64::from(*slots));
            // A task gives back by itself what it has.
            let is_held = claim.is_granted && !matches!(claim.taker, Some(Taker::Task(_)));
            if is_held {
                *free -= i64::from(claim.slots);
                let has = self.has.entry(claim.run).or_default();
                has.push((line, claim.slots));
            }
        }
    }

    fn line_up(&mut self, standing: &'s Standing) {
        let mut together: HashMap<(RunId, i64), usize> = HashMap::new();
        for claim in standing.claims.iter().filter(|it| !it.is_granted) {
            let number = claim.taker.map_or(GivenBack::WHOLE, GivenBack::number);
            let at = *together.entry((claim.run, number)).or_insert_with(|| {
                self.asked.push(Asking {
                    run: claim.run,
                    taker: claim.taker,
                    asked: claim.asked,
                    takes: Vec::new(),
                    is_done: false,
                });
                self.asked.len() - 1
            });
            // What is no limit is nothing to wait for.
            if standing.limits.contains_key(&claim.limit) {
                let line = (&claim.limit, claim.line.as_str());
                self.asked[at].takes.push((line, claim.slots));
            }
        }
        self.asked.sort_by_key(|it| it.asked);
        for (at, asking) in self.asked.iter().enumerate() {
            self.asked_by.entry(asking.run).or_default().push(at);
            for (line, _) in &asking.takes {
                self.lines.entry(*line).or_default().push_back(at);
            }
        }
    }

    fn suspend(&mut self, suspended: &Suspended, known: &HashSet<RunId>) {
        let run = suspended.run;
        let asked = self.asked_by.get(&run).into_iter().flatten();
        let asking: HashSet<Seq> = asked
            .filter_map(|at| self.asked[*at].taker.map(Taker::seq))
            .collect();
        let mut waiting = Waiting {
            needs: suspended.needs,
            asking: HashSet::new(),
            targets: Vec::new(),
        };
        for call in &suspended.calls {
            match call.target.filter(|target| known.contains(target)) {
                Some(target) => {
                    waiting.targets.push(target);
                    self.watchers.entry(target).or_default().push(run);
                }
                None if asking.contains(&call.seq) => {
                    waiting.asking.insert(call.seq);
                }
                // It settles by itself.
                None => waiting.needs = waiting.needs.saturating_sub(1),
            }
        }
        self.waiting.insert(run, waiting);
    }

    fn play(&mut self) {
        loop {
            if let Some(line) = self.served.pop() {
                self.serve(line);
            } else if let Some(run) = self.changed.pop() {
                if !self.ended.contains(&run) && self.may_end(run) {
                    self.end(run);
                }
            } else {
                return;
            }
        }
    }

    /// Gives what is free to the first of a line, as long as they may have all that they ask for.
    fn serve(&mut self, line: Line<'s>) {
        while let Some(first) = self.first(line) {
            let asking = &self.asked[first];
            let lines: Vec<Line<'s>> = asking.takes.iter().map(|(line, _)| *line).collect();
            let is_free = self.is_free(asking);
            if !is_free || lines.iter().any(|line| self.first(*line) != Some(first)) {
                return;
            }
            self.grant(first);
        }
    }

    /// The first who waits in a line.
    fn first(&mut self, line: Line<'s>) -> Option<usize> {
        let waiting = self.lines.get_mut(&line)?;
        while let Some(first) = waiting.front() {
            if !self.asked[*first].is_done {
                return Some(*first);
            }
            waiting.pop_front();
        }
        None
    }

    /// Whether there is room for all that is asked for.
    fn is_free(&self, asking: &Asking<'_>) -> bool {
        asking.takes.iter().all(|(line, slots)| {
            // Who asks for more than there is has all of it.
            let most = self.limits.get(line.0).copied().flatten();
            let wanted = i64::from((*slots).min(most.unwrap_or(u32::MAX).max(1)));
            self.free.get(line).is_none_or(|free| *free >= wanted)
        })
    }

    fn grant(&mut self, at: usize) {
        let asking = &mut self.asked[at];
        asking.is_done = true;
        let (run, taker, takes) = (asking.run, asking.taker, asking.takes.clone());
        self.served.extend(takes.iter().map(|(line, _)| *line));
        self.changed.push(run);
        if !matches!(taker, Some(Taker::Task(_))) {
            for (line, slots) in takes {
                if let Some(free) = self.free.get_mut(&line) {
                    *free -= i64::from(slots);
                    self.has.entry(run).or_default().push((line, slots));
                }
            }
        }
        if let (Some(waiting), Some(taker)) = (self.waiting.get_mut(&run), taker) {
            let is_awaited = waiting.asking.remove(&taker.seq());
            // It is woken by what it gets, whatever it waits for.
            let left = if is_awaited { 1 } else { waiting.needs };
            waiting.needs = waiting.needs.saturating_sub(left);
        }
    }

    /// Whether nothing that is known holds a run up.
    fn may_end(&self, run: RunId) -> bool {
        match self.waiting.get(&run) {
            Some(waiting) => waiting.needs == 0,
            // It is executed, and takes what it needs as it comes, or has not begun.
            None => {
                let asked = self.asked_by.get(&run).into_iter().flatten();
                let mut whole = asked.filter(|at| self.asked[**at].taker.is_none());
                whole.all(|at| self.asked[*at].is_done)
            }
        }
    }

    /// A run gives back all that it has, and waits for nothing.
    fn end(&mut self, run: RunId) {
        self.ended.insert(run);
        for at in self.asked_by.get(&run).into_iter().flatten() {
            let asking = &mut self.asked[*at];
            asking.is_done = true;
            self.served
                .extend(asking.takes.iter().map(|(line, _)| *line));
        }
        for (line, slots) in self.has.remove(&run).unwrap_or_default() {
            if let Some(free) = self.free.get_mut(&line) {
                *free += i64::from(slots);
            }
            self.served.push(line);
        }
        for watcher in self.watchers.remove(&run).unwrap_or_default() {
            if let Some(waiting) = self.waiting.get_mut(&watcher) {
                waiting.needs = waiting.needs.saturating_sub(1);
            }
            self.changed.push(watcher);
        }
    }

    /// Those who have slots, and those for whom these wait: as they go on, others get theirs.
    fn needed(&self) -> HashSet<RunId> {
        let mut needed = HashSet::new();
        let mut found: Vec<RunId> = self.has.keys().copied().collect();
        while let Some(run) = found.pop() {
            if needed.insert(run)
                && let Some(waiting) = self.waiting.get(&run)
            {
                found.extend(&waiting.targets);
            }
        }
        needed
    }

    /// Those who are needed, and in whose way is only the order of a line.
    fn candidates(&self) -> Vec<usize> {
        if self.ended.len() == self.runs.len() {
            return Vec::new();
        }
        let needed = self.needed();
        let waits = |at: &usize| {
            let asking = &self.asked[*at];
            !asking.is_done && needed.contains(&asking.run) && self.is_free(asking)
        };
        let mut trials = 0;
        let helps = |at: &usize| match self.asked[*at].taker {
            // It begins, or is executed, and ends.
            None | Some(Taker::Task(_)) => true,
            // It has more than before, and may be none the nearer to its end.
            Some(Taker::Code(_)) => {
                trials += 1;
                trials <= TRIALS_MAX && {
                    let mut other = self.clone();
                    other.grant(*at);
                    other.play();
                    other.ended.len() > self.ended.len()
                }
            }
        };
        let waiting = (0..self.asked.len()).filter(waits);
        waiting.filter(helps).take(CANDIDATES_MAX).collect()
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

    /// Stands for so many within a time.
    const RATE: u32 = u32::MAX;

    /// A standing in words: `a has db`, `b wants api, db`, `a waits for b`.
    fn standing(limits: &[(&str, u32)], said: &[&str]) -> Standing {
        let mut standing = Standing::default();
        for (name, slots) in limits {
            let slots = (*slots != RATE).then_some(*slots);
            standing.limits.insert(name.parse().unwrap(), slots);
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
                has_time: false,
                calls: vec![call],
            }),
        }
    }

    fn names(runs: &[RunId]) -> String {
        let name = |run: &RunId| char::from(run.0.as_u128() as u8);
        runs.iter().map(name).collect()
    }

    /// Who never goes on, and who may pass first.
    #[track_caller]
    fn check(limits: &[(&str, u32)], said: &[&str], stuck: &str, passes: Option<char>) {
        let standing = standing(limits, said);
        assert_eq!(names(&deadlocked(&standing)), stuck, "{said:?}");
        let first = who_may_pass(&standing).first().map(|(run, _)| *run);
        assert_eq!(
            first.map(|run| names(&[run])),
            passes.map(String::from),
            "{said:?}"
        );
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
        check(&ONE_EACH, &said, "", Some('c'));
        // Nobody else does, even if it stands before it.
        let said = [
            "a has db",
            "b wants api, db",
            "d wants api",
            "c wants api",
            "a waits for c",
        ];
        check(&ONE_EACH, &said, "", Some('c'));
    }

    #[test]
    fn a_task_may_pass_who_waits_for_what_its_own_run_has() {
        let said = ["a has db", "b wants api, db", "a wants api by task"];
        check(&ONE_EACH, &said, "", Some('a'));
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
        check(&limits, &said, "", Some('x'));
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
            "ab",
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
        assert!(deadlocked(&standing).is_empty(), "a timer, say");
        standing.suspended[0].needs = 2;
        assert_eq!(names(&deadlocked(&standing)), "ab");
        standing.suspended[0].has_time = true;
        assert!(deadlocked(&standing).is_empty(), "its timeout comes");
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
    }

    #[test]
    fn a_limit_that_is_not_there_is_in_nobodys_way() {
        check(&[], &["a has db", "b wants db", "a waits for b"], "", None);
    }

    /// Its slots come by themselves, and its line has an order.
    #[test]
    fn the_line_of_a_rate_limit_may_be_passed_too() {
        let limits = [("api", RATE), ("db", 1)];
        let said = [
            "a has db",
            "b wants api, db",
            "c wants api",
            "a waits for c",
        ];
        check(&limits, &said, "", Some('c'));
        check(
            &limits,
            &["a has api", "b wants api", "a waits for b"],
            "",
            None,
        );
    }

    /// What it gets wakes a run, also if it is not what it waits for.
    #[test]
    fn a_run_goes_on_by_a_task_that_it_does_not_wait_for() {
        let said = [
            "a has db",
            "b wants db",
            "a waits for b",
            "a wants api by task",
        ];
        let mut standing = standing(&ONE_EACH, &said);
        standing.suspended[0].calls.pop();
        standing.suspended[0].needs = 1;
        assert!(deadlocked(&standing).is_empty());
    }

    /// Those who have slots come first, however many wait.
    #[test]
    fn long_lines_are_looked_at_in_one_go() {
        let mut standing = standing(&ONE_EACH, &["a has db", "b wants db", "a waits for b"]);
        for n in 0..200_000 {
            standing.claims.push(LimitClaim {
                run: run(1_000 + n),
                taker: None,
                limit: "db".parse().unwrap(),
                line: String::new(),
                slots: 1,
                asked: Timestamp(10 + n as i64),
                is_granted: false,
            });
        }
        let found = deadlocked(&standing);
        assert_eq!(names(&found[..2]), "ab");
        assert_eq!(found.len(), 200_002);
        standing.suspended.clear();
        assert!(deadlocked(&standing).is_empty());
    }
}
