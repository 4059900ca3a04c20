//! Queries in URLs: keys may be repeated, unknown ones are refused.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use operations::client::QueryRequest as _;
use serde::de::DeserializeOwned;

use super::problem::Refused;

/// A query that was read.
#[derive(Clone, Debug)]
pub struct Query<T>(pub T);

impl<T: DeserializeOwned, S: Sync> FromRequestParts<S> for Query<T> {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refused> {
        read(parts.uri.query().unwrap_or_default()).map(Self)
    }
}

fn read<T: DeserializeOwned>(query: &str) -> Result<T, Refused> {
    Ok(T::from_query(query)?)
}

#[cfg(test)]
mod tests {
    use axum::http::StatusCode;
    use operations::client::RunQuery;

    use super::*;

    #[test]
    fn keys_may_be_repeated() {
        let query: RunQuery = read("state=FAILED&flow=etl&state=CRASHED&limit=7").unwrap();
        assert_eq!(query.state, ["FAILED", "CRASHED"]);
        assert_eq!(query.limit, Some(7));
        let none: RunQuery = read("").unwrap();
        assert!(none.state.is_empty() && none.flow.is_empty());
    }

    #[test]
    fn what_is_wrong_is_named() {
        #[track_caller]
        fn check(query: &str, expect: &str) {
            let refused = read::<RunQuery>(query).unwrap_err();
            assert_eq!(refused.status, StatusCode::BAD_REQUEST);
            assert!(refused.detail.contains(expect), "{}", refused.detail);
        }
        check("flows=etl", "unknown field `flows`");
        check("order=up", "unknown value `up`");
        check("limit=many", "invalid digit");
        check("flow=a%2Fb", "which is not allowed");
    }
}
