//! What tasks may reach: checked when it is asked for, and compared with what was granted before.

use std::collections::BTreeSet;
use std::fmt::Display;
use std::str::FromStr;

use model::{DirGrant, EnvGrant, GrantError, Grants, HttpGrant, SecretGrant, TcpGrant};

use crate::client::GrantsRequest;

/// What cannot be granted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` cannot be granted: {reason}")]
pub struct GrantRefusal {
    pub text: String,
    pub reason: GrantError,
    /// Where it stands in the request, as a JSON pointer (RFC 6901).
    pub pointer: String,
    /// What can be.
    pub forms: &'static str,
}

/// The grants that are asked for, each once, in the order in which they were written.
pub fn granted(request: &GrantsRequest) -> Result<Grants, GrantRefusal> {
    Ok(Grants {
        http: each::<HttpGrant>(
            &request.http,
            "http",
            "`host`, `*.host`, `host:port`, `https://host` or `*`",
        )?,
        tcp: each::<TcpGrant>(&request.tcp, "tcp", "`host:port`")?,
        private: request.private,
        env: each::<EnvGrant>(
            &request.env,
            "env",
            "`NAME=VALUE`, or `NAME` for the value that the worker has",
        )?,
        dirs: each::<DirGrant>(
            &request.dirs,
            "dirs",
            "`/host/path:/path/of/the/task`, or the same with `:ro`",
        )?,
        tmp: request.tmp,
        secrets: each::<SecretGrant>(
            &request.secrets,
            "secrets",
            "`NAME`, or `NAME=VARIABLE` for one in the environment",
        )?,
    })
}

fn each<G: FromStr<Err = GrantError> + Display>(
    texts: &[String],
    field: &str,
    forms: &'static str,
) -> Result<Vec<String>, GrantRefusal> {
    let mut seen = BTreeSet::new();
    let mut granted = Vec::new();
    for (at, text) in texts.iter().enumerate() {
        let grant = text.parse::<G>().map_err(|reason| GrantRefusal {
            text: text.clone(),
            reason,
            pointer: format!("/grants/{field}/{at}"),
            forms,
        })?;
        let grant = grant.to_string();
        if seen.insert(grant.clone()) {
            granted.push(grant);
        }
    }
    Ok(granted)
}

/// Each grant in words: `HTTP to api.example.com`.
pub fn in_words(grants: &Grants) -> Vec<String> {
    let Grants {
        http,
        tcp,
        private,
        env,
        dirs,
        tmp,
        secrets,
    } = grants;
    let each = |list: &[String], what: &str| -> Vec<String> {
        list.iter().map(|it| format!("{what}{it}")).collect()
    };
    [
        each(http, "HTTP to "),
        each(tcp, "TCP to "),
        Vec::from_iter(private.then(|| "private addresses".to_owned())),
        each(env, "variable "),
        each(dirs, "directory "),
        Vec::from_iter(tmp.then(|| "/tmp".to_owned())),
        each(secrets, "secret "),
    ]
    .concat()
}

/// What the second has and the first has not, with `+`, and the reverse, with `-`.
pub fn difference(before: &Grants, after: &Grants) -> Vec<String> {
    let (before, after) = (in_words(before), in_words(after));
    let more = after.iter().filter(|grant| !before.contains(grant));
    let less = before.iter().filter(|grant| !after.contains(grant));
    more.map(|grant| format!("+{grant}"))
        .chain(less.map(|grant| format!("-{grant}")))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(http: &[&str], tcp: &[&str]) -> GrantsRequest {
        let texts = |texts: &[&str]| texts.iter().map(|it| (*it).to_owned()).collect();
        GrantsRequest {
            http: texts(http),
            tcp: texts(tcp),
            ..GrantsRequest::default()
        }
    }

    #[test]
    fn a_grant_is_kept_once_in_its_usual_form() {
        let grants = granted(&request(
            &["API.example.com", "api.example.com"],
            &["::1:80"],
        ));
        let refusal = grants.unwrap_err();
        assert_eq!(refusal.pointer, "/grants/tcp/0");
        let grants = granted(&request(
            &["API.example.com", "api.example.com"],
            &["[::1]:80"],
        ));
        let expect = Grants {
            http: vec!["api.example.com".to_owned()],
            tcp: vec!["[::1]:80".to_owned()],
            ..Grants::default()
        };
        assert_eq!(grants, Ok(expect));
    }

    #[test]
    fn what_cannot_be_granted_is_shown_with_its_place() {
        let refusal = granted(&request(&["a.example", "a.example:99999"], &[])).unwrap_err();
        assert_eq!(
            refusal.to_string(),
            "`a.example:99999` cannot be granted: `99999` is no port: it is a number from 1 to 65535"
        );
        assert_eq!(refusal.pointer, "/grants/http/1");
    }

    #[test]
    fn a_change_says_what_came_and_went() {
        let before = granted(&request(&["a.example", "b.example"], &[])).unwrap();
        let mut after = granted(&request(&["b.example"], &["db.example:5432"])).unwrap();
        after.private = true;
        assert_eq!(
            difference(&before, &after),
            [
                "+TCP to db.example:5432",
                "+private addresses",
                "-HTTP to a.example"
            ]
        );
        assert!(difference(&after, &after).is_empty());
    }
}
