//! Tokens that are not made.

use super::{Problem, ProblemKind};
use crate::access::TokenRefusal;

impl From<&TokenRefusal> for Problem {
    fn from(refusal: &TokenRefusal) -> Self {
        match refusal {
            TokenRefusal::LastsTooLong | TokenRefusal::LastsNoTime => {
                let detail = refusal.to_string();
                Self::new(ProblemKind::InvalidRequest, &*detail)
                    .at("/lasts_ms", detail)
                    .hint("leave the time out for a token that does not end")
            }
            TokenRefusal::Store(err) => err.into(),
        }
    }
}
