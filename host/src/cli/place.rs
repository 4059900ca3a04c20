//! Where state is kept: the database and the directory of compiled code.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use super::error::UserError;

/// `sqlite:PATH`, as `--database` and `ORCH_DATABASE_URL` have it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DatabaseUrl(pub PathBuf);

impl FromStr for DatabaseUrl {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let Some(rest) = text.strip_prefix("sqlite:") else {
            return Err(match text.split_once("://") {
                Some((scheme, _)) => {
                    format!("`{scheme}` databases are not supported, only `sqlite:PATH`")
                }
                None => format!("it is no URL: write `sqlite:{text}`"),
            });
        };
        let path = rest.strip_prefix("//").unwrap_or(rest);
        match path {
            "" => Err("it names no file: write `sqlite:PATH`".to_owned()),
            ":memory:" => {
                Err("workers and commands share the database, so it must be a file".to_owned())
            }
            _ if path.contains('?') => Err("it takes no options after `?`".to_owned()),
            _ => Ok(Self(path.into())),
        }
    }
}

/// Where this process keeps things.
#[derive(Clone, Debug)]
pub struct Place {
    pub database: PathBuf,
    /// Compiled code.
    pub cache: PathBuf,
    /// The file with the token of this machine, for its owner alone.
    pub token: PathBuf,
}

impl Place {
    /// The home is `ORCH_HOME`, else the user's data directory. It is created, for its owner
    /// alone; the directory of another database is not.
    pub fn find(database: Option<DatabaseUrl>) -> Result<Self, UserError> {
        let home = match std::env::var_os("ORCH_HOME").filter(|home| !home.is_empty()) {
            Some(home) => PathBuf::from(home),
            None => directories::ProjectDirs::from("", "", "orch-host")
                .ok_or_else(|| {
                    UserError::new("there is no home directory to keep data in")
                        .hint("set `ORCH_HOME` to a directory")
                })?
                .data_dir()
                .to_owned(),
        };
        create_private(&home).map_err(|err| {
            UserError::new(format!(
                "the data directory `{}` cannot be created: {err}",
                home.display()
            ))
            .hint("set `ORCH_HOME` to a directory that you may write to")
        })?;
        Ok(Self {
            database: database.map_or_else(|| home.join("orch.db"), |url| url.0),
            cache: home.join("cache"),
            token: home.join("token"),
        })
    }
}

fn create_private(path: &Path) -> std::io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_names_a_file() {
        #[track_caller]
        fn check(url: &str, expect: Result<&str, &str>) {
            let path = url.parse::<DatabaseUrl>();
            let path = path.as_ref().map(|url| url.0.to_str().unwrap());
            assert_eq!(path.map_err(String::as_str), expect);
        }
        check("sqlite:orch.db", Ok("orch.db"));
        check("sqlite:/var/orch.db", Ok("/var/orch.db"));
        check("sqlite:///var/orch.db", Ok("/var/orch.db"));
        check("sqlite://orch.db", Ok("orch.db"));
        check("sqlite:", Err("it names no file: write `sqlite:PATH`"));
        check("orch.db", Err("it is no URL: write `sqlite:orch.db`"));
        check(
            "postgres://host/db",
            Err("`postgres` databases are not supported, only `sqlite:PATH`"),
        );
        check(
            "sqlite::memory:",
            Err("workers and commands share the database, so it must be a file"),
        );
        check("sqlite:a?mode=ro", Err("it takes no options after `?`"));
    }
}
