//! Who may use the server: roles, tokens, sessions, and the log of what they did.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{SessionId, Timestamp, TokenId, TokenName};

/// What somebody may do. Each role may do all that the ones before it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Reads.
    Viewer,
    /// Also starts and controls runs, and gives them input.
    Operator,
    /// Also deploys, changes work pools and makes tokens.
    Admin,
}

impl Role {
    pub const ALL: [Self; 3] = [Self::Viewer, Self::Operator, Self::Admin];

    /// Whether this role may do what `needed` may.
    pub fn allows(self, needed: Self) -> bool {
        self >= needed
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Operator => "operator",
            Self::Admin => "admin",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Role {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|role| role.as_str() == text)
            .ok_or_else(|| format!("`{text}` is not a role: write `viewer`, `operator` or `admin`"))
    }
}

/// The SHA-256 of a secret: all that is stored of it. Secrets have 256 random bits, so a
/// hash that is slow to compute would protect nothing more.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct SecretHash(pub [u8; 32]);

impl SecretHash {
    pub fn of(secret: &str) -> Self {
        use sha2::Digest as _;
        Self(sha2::Sha256::digest(secret.as_bytes()).into())
    }
}

/// Not even the hash belongs into a log.
impl fmt::Debug for SecretHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// Gives whoever has its secret a role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
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

impl Token {
    pub fn is_valid(&self, now: Timestamp) -> bool {
        self.revoked.is_none() && self.expires.is_none_or(|until| now < until)
    }
}

/// Somebody who is signed in to the pages, by a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    pub id: SessionId,
    pub token: Token,
    pub opened: Timestamp,
    /// To the minute. A session that is not used for long ends.
    pub last_used: Timestamp,
}

/// One line of the log of what people and programs did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditEntry {
    pub at: Timestamp,
    /// The name of the token, or of the user at the command line.
    pub who: String,
    /// What was asked, such as `cancel_flow_run`.
    pub action: String,
    /// What it was done to: the path of the request, of the API with its query.
    pub target: String,
    /// `200`, or the kind of the problem.
    pub outcome: String,
    pub request: Option<Uuid>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_may_do_what_the_ones_before_it_may() {
        assert!(Role::Admin.allows(Role::Viewer));
        assert!(Role::Operator.allows(Role::Operator));
        assert!(!Role::Viewer.allows(Role::Operator));
        assert!(Role::ALL.is_sorted());
        for role in Role::ALL {
            assert_eq!(role.to_string().parse(), Ok(role));
        }
    }

    #[test]
    fn a_token_ends_when_it_expires_or_is_revoked() {
        let token = Token {
            id: TokenId(Uuid::nil()),
            name: TokenName::trusted("ci"),
            role: Role::Viewer,
            created: Timestamp(0),
            expires: Some(Timestamp(10)),
            last_used: None,
            revoked: None,
        };
        assert!(token.is_valid(Timestamp(9)));
        assert!(!token.is_valid(Timestamp(10)));
        let revoked = Token {
            revoked: Some(Timestamp(5)),
            expires: None,
            ..token
        };
        assert!(!revoked.is_valid(Timestamp(9)));
    }

    #[test]
    fn a_secret_is_not_shown() {
        assert_eq!(format!("{:?}", SecretHash::of("orch_x")), "***");
    }
}
