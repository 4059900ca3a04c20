//! Words of a fixed set, so that `--help`, completions and errors list them.

use clap::builder::{PossibleValuesParser, TypedValueParser};

use model::{LogLevel, StateType};

/// `COMPLETED`; with `ignore_case` in any case.
pub fn state() -> impl TypedValueParser<Value = StateType> {
    let words = StateType::ALL.map(StateType::as_str);
    PossibleValuesParser::new(words).try_map(|word| word.parse::<StateType>())
}

/// `INFO`; with `ignore_case` in any case.
pub fn level() -> impl TypedValueParser<Value = LogLevel> {
    let words = LogLevel::ALL.map(LogLevel::as_str);
    PossibleValuesParser::new(words).try_map(|word| word.parse::<LogLevel>())
}
