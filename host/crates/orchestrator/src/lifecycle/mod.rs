//! Decides what an event does to a run.
//!
//! ```text
//! engine                                lifecycle
//! load heads  --head, event, now-->  decide: a plan, or a refusal
//!                                       |
//!   need: is it there?   <---- steps ---+   in this order, in one transaction
//!   do:   apply a change <--------------+
//!   ask:  answer a question ----------> decide: another plan, done before the next step
//! ```
//!
//! A *head* is what a decision needs to know of a run. A *plan* is a list of steps: what must
//! be there, what to change, and what to ask before the decision can go on. An engine carries
//! it out step by step. It matches on changes and questions, never on the state of a run, so
//! all engines share every decision.
//!
//! What the database itself decides has no plan: choosing among many rows (which runs are
//! ready, which calls are due, who is in a family, which task runs are open), and what a
//! constraint says (a key is unused, a pool exists). There the engine's verb says its rule in
//! words, and the contract suite holds it.
//!
//! Everything here is a pure function: no I/O, no clock, no chance.
//!
//! Invariants: a terminal state never changes, except by a person's retry. Whatever enters a
//! state does so along an arrow of [`StateType::may_become`](model::StateType). A run
//! is never both ready and leased.

mod attempt;
mod claim;
mod control;
mod create;
mod deadlock;
mod end;
mod head;
mod limits;
mod losses;
mod plan;
mod question;
mod queues;
mod record;
mod refusal;
mod rescue;
mod rows;
mod settle;
#[cfg(test)]
mod tests;

pub use claim::{Candidate, claim, room};
pub use control::{
    asker, awaits_input, cancel, cancellation, give_input, may_delete, pause, resume, retry,
};
pub use create::{create, create_needs, is_answered_by};
pub use deadlock::{
    AwaitedCall, LimitClaim, Standing, Suspended, SuspendedCall, deadlocked, who_may_pass,
};
pub use head::{Head, OriginKey, RunKey, Subject, Tally};
pub use limits::{LimitNeed, await_slot, decisive, may_have, turn_away};
pub use losses::{Losses, Reached};
pub use plan::{
    AddEntry, AddRun, Advance, Change, Claim, End, Ended, Enter, GiveUp, GivenBack, Leave, Need,
    News, Plan, Reopen, Says, Step, Target,
};
pub use question::{
    Cleaning, EndingSubflow, Keeping, OpenCall, OpenSubflows, Question, Replacing, Settling,
    SlotFreed, Waiter, Waiting, Watched, Watcher, Watchers, WatchersOf, Watching,
};
pub use queues::{Lane, LineKey, Queue, QueueKey, choose, lanes};
pub use record::record;
pub use refusal::{Broken, Refusal};
pub use rescue::{Why, give_back};
pub use settle::due;
