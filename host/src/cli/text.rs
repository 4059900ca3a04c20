//! Text for people.

pub use operations::words::{counted, harmless, one_line};
