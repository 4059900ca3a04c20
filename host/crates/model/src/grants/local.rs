//! What tasks may see of their worker's machine: variables and directories.

use std::fmt;
use std::str::FromStr;

use super::GrantError;
use crate::SecretName;

/// The longest value of a variable, in bytes.
pub(super) const VALUE_MAX: usize = 32 << 10;

/// `NAME=VALUE`, or `NAME` for the value that the worker has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EnvGrant {
    pub name: String,
    /// None: that of the worker's own environment, if it has one.
    pub value: Option<String>,
}

/// `HOST:GUEST`, or `HOST:GUEST:ro` for a directory that cannot be changed: an absolute path on
/// the machine of the worker, and where tasks see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DirGrant {
    pub host: String,
    pub guest: String,
    pub is_read_only: bool,
}

/// `NAME`, or `NAME=ENV` for a secret that tasks also have in their environment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretGrant {
    pub name: SecretName,
    pub env: Option<String>,
}

impl FromStr for SecretGrant {
    type Err = GrantError;

    fn from_str(text: &str) -> Result<Self, GrantError> {
        if text.is_empty() {
            return Err(GrantError::Empty);
        }
        let (name, env) = match text.split_once('=') {
            Some((name, env)) => (name, Some(env)),
            None => (text, None),
        };
        Ok(Self {
            name: name.parse().map_err(GrantError::Secret)?,
            env: env.map(variable).transpose()?,
        })
    }
}

impl fmt::Display for SecretGrant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.name)?;
        match &self.env {
            Some(env) => write!(f, "={env}"),
            None => Ok(()),
        }
    }
}

fn variable(name: &str) -> Result<String, GrantError> {
    let is_name = name
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        && name
            .bytes()
            .next()
            .is_some_and(|byte| !byte.is_ascii_digit());
    if is_name && name.len() <= 255 {
        Ok(name.to_owned())
    } else {
        Err(GrantError::Variable(name.to_owned()))
    }
}

impl FromStr for EnvGrant {
    type Err = GrantError;

    fn from_str(text: &str) -> Result<Self, GrantError> {
        let (name, value) = match text.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (text, None),
        };
        if name.is_empty() && value.is_none() {
            return Err(GrantError::Empty);
        }
        let name = variable(name)?;
        match value {
            Some(value) if value.len() > VALUE_MAX => Err(GrantError::ValueTooLong(value.len())),
            Some(value) if value.contains('\0') => Err(GrantError::ValueWithZero),
            value => Ok(Self {
                name,
                value: value.map(str::to_owned),
            }),
        }
    }
}

impl FromStr for DirGrant {
    type Err = GrantError;

    fn from_str(text: &str) -> Result<Self, GrantError> {
        if text.is_empty() {
            return Err(GrantError::Empty);
        }
        let (places, is_read_only) = match text.strip_suffix(":ro") {
            Some(places) => (places, true),
            None => (text, false),
        };
        let Some((host, guest)) = places.rsplit_once(':') else {
            return Err(GrantError::NoGuestPath(places.to_owned()));
        };
        if !host.starts_with('/') {
            return Err(GrantError::RelativeHostPath(host.to_owned()));
        }
        if !guest.starts_with('/') {
            return Err(GrantError::RelativeGuestPath(guest.to_owned()));
        }
        let guest = guest.strip_suffix('/').unwrap_or(guest);
        let mut parts = guest.split('/').skip(1);
        if guest.is_empty() {
            return Err(GrantError::Root);
        }
        if parts.any(|part| matches!(part, "" | "." | "..")) || guest.contains('\0') {
            return Err(GrantError::UnclearPath(guest.to_owned()));
        }
        Ok(Self {
            host: host.to_owned(),
            guest: guest.to_owned(),
            is_read_only,
        })
    }
}

impl fmt::Display for EnvGrant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        match &self.value {
            Some(value) => write!(f, "={value}"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for DirGrant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.guest)?;
        if self.is_read_only {
            f.write_str(":ro")
        } else {
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check<G>(text: &str, expect: Result<&str, &str>)
    where
        G: FromStr<Err = GrantError> + fmt::Display,
    {
        let shown = text.parse::<G>().map(|it| it.to_string());
        let shown = shown.as_deref().map_err(ToString::to_string);
        assert_eq!(shown, expect.map_err(str::to_owned), "{text}");
    }

    #[test]
    fn a_variable_has_a_value_or_that_of_the_worker() {
        check::<EnvGrant>("LANG", Ok("LANG"));
        check::<EnvGrant>("A_1=b=c d", Ok("A_1=b=c d"));
        check::<EnvGrant>("EMPTY=", Ok("EMPTY="));
        check::<EnvGrant>("", Err("it is empty"));
        let name =
            "is no name of a variable: it has letters, digits and `_`, and begins with no digit";
        for wrong in ["1A", "a b", "a-b", "é"] {
            check::<EnvGrant>(wrong, Err(&format!("`{wrong}` {name}")));
        }
        check::<EnvGrant>("=x", Err(&format!("`` {name}")));
        check::<EnvGrant>("A=\0", Err("its value has a byte 0"));
        let long = format!("A={}", "x".repeat(VALUE_MAX + 1));
        check::<EnvGrant>(
            &long,
            Err("its value has 32769 bytes, and a value at most 32768"),
        );
    }

    #[test]
    fn a_directory_has_a_place_on_each_side() {
        check::<DirGrant>("/srv/a:/data", Ok("/srv/a:/data"));
        check::<DirGrant>("/srv/a:/data/:ro", Ok("/srv/a:/data:ro"));
        check::<DirGrant>("/srv/a:b:/c/d", Ok("/srv/a:b:/c/d"));
        check::<DirGrant>("", Err("it is empty"));
        check::<DirGrant>(
            "/srv/a",
            Err("it names no directory of the task: write `/srv/a:/data`, or `/srv/a:/data:ro`"),
        );
        check::<DirGrant>(
            "/srv/a:data",
            Err(
                "`data` is where the task sees it, and so begins with `/`; only `ro` may follow it",
            ),
        );
        check::<DirGrant>(
            "srv:/data",
            Err("`srv` is on the machine of the worker, and so begins with `/`"),
        );
        check::<DirGrant>(
            "/srv:/",
            Err("`/` cannot be the place of a directory: name one below it"),
        );
        for wrong in ["/a/../b", "/./a", "/a//b"] {
            check::<DirGrant>(
                &format!("/srv:{wrong}"),
                Err(&format!(
                    "`{wrong}` has a part `..` or `.`, or an empty one"
                )),
            );
        }
    }

    proptest::proptest! {
        /// Whatever is typed: what is taken is shown in a form that means the same.
        #[test]
        fn any_text_is_a_grant_or_is_refused(text in r"\PC{0,20}|/?[a-z:/.]{0,20}(:ro)?") {
            if let Ok(grant) = text.parse::<DirGrant>() {
                assert_eq!(grant.to_string().parse(), Ok(grant));
            }
            if let Ok(grant) = text.parse::<EnvGrant>() {
                assert_eq!(grant.to_string().parse(), Ok(grant));
            }
        }
    }
}
