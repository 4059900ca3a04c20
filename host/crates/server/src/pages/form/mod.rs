//! Forms for values that a JSON schema describes: parameters of a run, and inputs.
//!
//! ```text
//! schema, value ---Form::of---> Form --templates--> page
//!    ^                                                |
//!    |                                      a person types, presses a button
//!    +--- Form::read <------- pairs that were posted -+
//!            |
//!            +--> the JSON, or the form again: an item more, the other tab, errors
//! ```
//!
//! There is no script in this. A form is drawn by the server, and each button is a request that
//! carries all that was typed. So nothing is lost, right or wrong.
//!
//! Invariant: what a form shows reads back as the value that it was made of, to the digit. Where
//! fields cannot do that, they are JSON texts. Whether the value fits, the form does not decide:
//! `orchestrator::parameters` does, by the words of the command line.

#[cfg(test)]
mod browser;
mod build;
mod draw;
mod field;
#[cfg(test)]
mod hostile;
mod keywords;
mod lines;
mod moment;
mod pairs;
mod path;
mod posted;
#[cfg(test)]
mod proptests;
mod read;
mod shape;
#[cfg(test)]
mod sketch;
#[cfg(test)]
mod tests;
mod tree;
mod union;
mod value;
mod whole;
mod words;

pub use posted::{Asked, Unreadable};
pub use read::Read;
pub use whole::{Form, Problem, Tab};
