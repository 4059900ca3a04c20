//! What the process of a run says to its worker.

use std::fmt;
use std::str::FromStr;

/// A line of its output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Word {
    /// It is alive, and its threads get on.
    Beat,
    /// The run is over.
    Ended,
    /// The run waits outside memory, or another worker has it.
    Left,
    /// The database failed.
    Failed(String),
}

impl fmt::Display for Word {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Beat => f.write_str("beat"),
            Self::Ended => f.write_str("ended"),
            Self::Left => f.write_str("left"),
            Self::Failed(why) => write!(f, "failed {}", why.replace('\n', " ")),
        }
    }
}

impl FromStr for Word {
    type Err = ();

    fn from_str(line: &str) -> Result<Self, ()> {
        match line.split_once(' ').unwrap_or((line, "")) {
            ("beat", "") => Ok(Self::Beat),
            ("ended", "") => Ok(Self::Ended),
            ("left", "") => Ok(Self::Left),
            ("failed", why) => Ok(Self::Failed(why.to_owned())),
            _ => Err(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_reads_back() {
        let failed = Word::Failed("the disk is full".to_owned());
        for word in [Word::Beat, Word::Ended, Word::Left, failed] {
            assert_eq!(word.to_string().parse(), Ok(word));
        }
        assert_eq!("beaten".parse::<Word>(), Err(()));
        let lines = Word::Failed("one\ntwo".to_owned());
        assert_eq!(lines.to_string(), "failed one two");
    }
}
