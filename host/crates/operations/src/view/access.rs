//! Tokens, and the log of actions.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::View;
use model::{AuditEntry, Role, Timestamp, Token, TokenId, TokenName};

/// A token, without its secret.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct TokenView {
    pub id: TokenId,
    pub name: TokenName,
    pub role: Role,
    pub created: Timestamp,
    /// When it ends. None: never.
    pub expires: Option<Timestamp>,
    /// To the minute.
    pub last_used: Option<Timestamp>,
    pub revoked: Option<Timestamp>,
}

impl View for TokenView {}

impl From<Token> for TokenView {
    fn from(token: Token) -> Self {
        Self {
            id: token.id,
            name: token.name,
            role: token.role,
            created: token.created,
            expires: token.expires,
            last_used: token.last_used,
            revoked: token.revoked,
        }
    }
}

/// A new token. Its secret is never shown again.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
pub struct NewTokenView {
    pub token: TokenView,
    /// What its bearer shows: `Authorization: Bearer orch_..`.
    #[schema(example = "orch_2m4Yc0qB0fJ3l1nYwqT5o1b9m0aJt4kq8m2a1v0xQ9s")]
    pub secret: String,
}

impl View for NewTokenView {}

/// A line of the log of actions.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct AuditView {
    pub at: Timestamp,
    /// The name of the token.
    pub who: String,
    /// The operation, such as `cancel_flow_run`.
    pub action: String,
    /// The path of the request, of the API with its query.
    pub target: String,
    /// The status of the answer, and the kind of the problem where there was one.
    pub outcome: String,
    #[schema(value_type = Option<String>, format = "uuid")]
    pub request_id: Option<Uuid>,
}

impl View for AuditView {}

impl From<AuditEntry> for AuditView {
    fn from(entry: AuditEntry) -> Self {
        Self {
            at: entry.at,
            who: entry.who,
            action: entry.action,
            target: entry.target,
            outcome: entry.outcome,
            request_id: entry.request,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::testing::{AT, RUN, shown, uuid};

    #[test]
    fn the_shape_of_a_token() {
        let token = Token {
            id: TokenId(uuid(RUN)),
            name: "ci".parse().unwrap(),
            role: Role::Operator,
            created: AT,
            expires: Some(AT),
            last_used: None,
            revoked: None,
        };
        insta::assert_snapshot!(shown(&TokenView::from(token)), @r#"
        {
          "id": "01920000-0000-7000-8000-000000000001",
          "name": "ci",
          "role": "operator",
          "created": "2023-11-14T22:13:20.123456Z",
          "expires": "2023-11-14T22:13:20.123456Z",
          "last_used": null,
          "revoked": null
        }
        "#);
    }

    #[test]
    fn the_shape_of_a_line_of_the_log_of_actions() {
        let entry = AuditEntry {
            at: AT,
            who: "ci".to_owned(),
            action: "cancel_flow_run".to_owned(),
            target: "/v1/flow-runs/1/cancel".to_owned(),
            outcome: "200".to_owned(),
            request: Some(uuid(RUN)),
        };
        insta::assert_snapshot!(shown(&AuditView::from(entry)), @r#"
        {
          "at": "2023-11-14T22:13:20.123456Z",
          "who": "ci",
          "action": "cancel_flow_run",
          "target": "/v1/flow-runs/1/cancel",
          "outcome": "200",
          "request_id": "01920000-0000-7000-8000-000000000001"
        }
        "#);
    }
}
