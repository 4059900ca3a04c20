//! The machine of one execution of a flow: what its calls are answered, what is recorded of
//! it, and when it waits.
//!
//! ```text
//!             ask                      Answer, Refuse --> the guest goes on
//! guest ------------> Flow --Step--->  Look -----> Found ------+
//!                      |               Check ----> Checked ----+
//!                      ^               Record ---> Recorded ---+--> happened
//!                      |               Await ----> whatever comes first
//!                      |               Stop -----> the execution is over
//!                      +------------------ happened <----------+
//! ```
//!
//! The journal decides what a call is answered. What is new is buffered in a [`Progress`]
//! (`buffer`) and recorded when the flow waits for something outside, when it has waited for
//! its own tasks for a while, and before anything that others could see: a task that may reach
//! the outside is an [`Effect`] only after the record that says it runs.
//!
//! It does no I/O and knows no clock and no chance: a [`Moment`] brings the time and new
//! identities, an [`Event`] what has happened. So three drivers can turn it: a worker, which
//! performs the effects; a replay ([`Mode::PastOnly`]), which stops at the first new call; and
//! the simulation, where chance decides what happens next.
//!
//! Invariant: after every step but `Answer` and `Refuse` the driver calls
//! [`happened`](Flow::happened), and before that nothing else.

mod before;
mod buffer;
mod calls;
mod check;
mod checking;
mod doing;
mod inputs;
mod live;
mod machine;
mod permits;
mod retries;
mod step;
mod subflows;
mod tasks;
#[cfg(test)]
mod tests;
mod waits;

pub use check::Check;
pub use machine::Flow;
pub use step::{
    Await, Effect, Event, FlowLimits, Found, KeyFrom, KeyHolder, KeyOf, Known, Look, Looked,
    Lookup, Mode, Moment, Past, Signal, Step, Stop, TaskEvent, TaskJob,
};
