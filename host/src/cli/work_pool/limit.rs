//! How many flow runs of a pool are executed at once, as typed.

use std::str::FromStr;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LimitArg(pub Option<u32>);

impl FromStr for LimitArg {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "none" => Ok(Self(None)),
            _ => match text.parse() {
                Ok(0) => Err(
                    "with 0 nothing would ever start: `work-pool pause` lets its runs wait".into(),
                ),
                Ok(limit) => Ok(Self(Some(limit))),
                Err(_) => Err(format!("`{text}` is neither a number nor `none`")),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_a_number_or_none() {
        assert_eq!("3".parse(), Ok(LimitArg(Some(3))));
        assert_eq!("none".parse(), Ok(LimitArg(None)));
        assert!(
            "0".parse::<LimitArg>()
                .unwrap_err()
                .contains("`work-pool pause`")
        );
        assert_eq!(
            "many".parse::<LimitArg>(),
            Err("`many` is neither a number nor `none`".into())
        );
    }
}
