//! Text for people.

pub use operations::text::{counted, harmless, one_line, shortened};
