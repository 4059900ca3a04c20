//! Words of a fixed set, so that `--help`, completions and errors list them.

use clap::builder::{PossibleValuesParser, TypedValueParser};

use model::LogLevel;
use store::StateFilter;

/// `COMPLETED` or `Late`; with `ignore_case` in any case.
pub fn state() -> impl TypedValueParser<Value = StateFilter> {
    let words = StateFilter::words();
    PossibleValuesParser::new(words).try_map(|word| word.parse::<StateFilter>())
}

/// `INFO`; with `ignore_case` in any case.
pub fn level() -> impl TypedValueParser<Value = LogLevel> {
    let words = LogLevel::ALL.map(LogLevel::as_str);
    PossibleValuesParser::new(words).try_map(|word| word.parse::<LogLevel>())
}
