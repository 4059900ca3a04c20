//! Text for people.

pub use operations::text::{counted, harmless, harmless_json, one_line, shortened};
