//! A guest that asks anything, whatever it was answered. Its worker is lost now and then.
//!
//! Whatever is recorded is replayed with the same answers: by the worker that takes the run
//! up, and in a replay without effects.

use model::{Ask, Seq};
use orchestrator::flow::{Flow, Moment, Step, Stop};

use crate::world::{Turn, World};
use crate::{Dice, dice, guest};

/// Calls of one guest, at most.
const ASKS_MAX: usize = 60;

/// A call, its answer, and how long the journal was then.
struct Asked {
    ask: Ask,
    turn: Turn,
    last: Seq,
}

/// The guest, over all of its executions.
struct Guest {
    asked: Vec<Asked>,
    /// A call that one worker was asked and another one answers.
    unanswered: Option<Ask>,
}

pub fn run(data: &[u8]) {
    let mut dice = dice(data);
    let mut world = World::new(guest::manifest(), &mut dice);
    let mut guest = Guest {
        asked: Vec::new(),
        unanswered: None,
    };
    loop {
        let mut flow = world.claim();
        match execute(&mut world, &mut guest, &mut flow, &mut dice) {
            Some(Turn::Left) if !dice.is_empty() => {}
            ended => {
                if ended.is_none() {
                    world.end(&mut flow, guest::outcome(&mut dice));
                }
                break;
            }
        }
    }
    replays(&world, &guest);
}

/// One execution. None: the flow has returned, and its tasks have ended.
fn execute(world: &mut World, guest: &mut Guest, flow: &mut Flow, dice: &mut Dice) -> Option<Turn> {
    let fixed = fixed(&guest.asked, world.entries.len());
    let mut at = 0;
    while let Some(ask) = guest.ask(at, flow, dice) {
        let asking = ask.clone();
        let turn = world.drive(flow, dice, |flow, at| flow.ask(asking, at));
        if let Turn::Over(Stop::Diverged(divergence)) = &turn {
            panic!("{divergence}");
        }
        if let Turn::Left | Turn::Over(_) = turn {
            if at >= fixed {
                guest.asked.truncate(at);
                guest.unanswered = Some(ask);
            }
            return Some(turn);
        }
        if at < fixed {
            assert_eq!(turn, guest.asked[at].turn, "{ask:?}");
        } else {
            // What was made after the last record is made anew, maybe with another answer.
            let last = flow.journal().last();
            guest.set(at, Asked { ask, turn, last });
        }
        at += 1;
    }
    None
}

impl Guest {
    /// Its call of this number: as before, or a new one. None: it returns.
    fn ask(&mut self, at: usize, flow: &Flow, dice: &mut Dice) -> Option<Ask> {
        if let Some(asked) = self.asked.get(at) {
            return Some(asked.ask.clone());
        }
        if let Some(ask) = self.unanswered.take() {
            return Some(ask);
        }
        let goes_on = !dice.is_empty() && at < ASKS_MAX;
        goes_on.then(|| guest::ask(dice, flow.journal().last().0))
    }

    fn set(&mut self, at: usize, asked: Asked) {
        match self.asked.get_mut(at) {
            Some(place) => *place = asked,
            None => self.asked.push(asked),
        }
    }
}

/// How many of the calls have an answer that is recorded. A wait for all makes no entry: its
/// answer is, once a later call is.
fn fixed(asked: &[Asked], recorded: usize) -> usize {
    let recorded = Seq(recorded as u64);
    let mut before = Seq(0);
    let mut fixed = 0;
    for (at, asked) in asked.iter().enumerate() {
        let is_own = asked.last == recorded && before < recorded;
        if asked.last < recorded || is_own {
            fixed = at + 1;
        }
        before = asked.last;
    }
    fixed
}

/// A replay without effects answers the same, as far as the journal goes.
fn replays(world: &World, guest: &Guest) {
    let mut flow = world.replay();
    let fixed = fixed(&guest.asked, world.entries.len());
    for asked in &guest.asked[..fixed] {
        let at = Moment {
            now: flow.clock(),
            ids: &mut NoIds,
            logged: false,
        };
        let turn = match flow.ask(asked.ask.clone(), at) {
            Step::Answer(reply) => Turn::Answered(reply),
            Step::Refuse(failure) => Turn::Refused(failure),
            step => panic!("a replay wants {step:?} for {:?}", asked.ask),
        };
        assert_eq!(turn, asked.turn, "{:?}", asked.ask);
    }
}

/// Subflows of a replay get what is never shown.
pub(crate) struct NoIds;

impl model::Ids for NoIds {
    fn uuid(&mut self) -> uuid::Uuid {
        uuid::Uuid::nil()
    }
    fn run_name(&mut self) -> model::RunName {
        model::RunName::trusted("nobody")
    }
}
