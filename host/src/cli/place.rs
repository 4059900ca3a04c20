//! Where state is kept: the database and the directory of compiled code.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

use super::error::UserError;
use blobs::StorageUrl;
use store::StoreResult;
use store::moving::Database;

/// Which database, as `--database` and `ORCH_DATABASE_URL` have it: `sqlite:PATH`, or
/// `postgres://USER@HOST/DATABASE`.
#[derive(Clone, Debug)]
pub enum DatabaseUrl {
    Sqlite(PathBuf),
    Postgres(Box<store_postgres::Options>),
}

impl DatabaseUrl {
    /// The database, whose notifications are heard where `direct` says.
    pub fn listening_at(database: Option<Self>, direct: &str) -> Result<Self, UserError> {
        match (database, Self::read(direct)?) {
            (Some(Self::Postgres(options)), Self::Postgres(direct)) => {
                Ok(Self::Postgres(Box::new(options.listening_at(*direct))))
            }
            (_, Self::Sqlite(path)) => {
                let shown = path.display();
                Err(UserError::new(format!(
                    "`sqlite:{shown}` is no database to listen at: an SQLite file has no pooler"
                ))
                .hint("leave `--listen-url` out"))
            }
            (_, Self::Postgres(direct)) => Err(UserError::new(format!(
                "`--listen-url {direct}` needs `--database postgres://…`, the same database \
                 through its pooler"
            ))
            .hint("without a pooler, `--database` alone is enough")),
        }
    }

    /// Reads what was typed, or what the environment has. It may hold a password, which no message
    /// repeats.
    pub fn read(text: &str) -> Result<Self, UserError> {
        text.parse().map_err(|reason| {
            let shown = without_password(text);
            UserError::new(format!("`{shown}` is no database: {reason}")).hint(
                "write `sqlite:PATH` for one machine, or `postgres://USER@HOST/DATABASE` for many",
            )
        })
    }
}

/// Opens a database as a whole, not as commands open it.
pub type OpenWhole = fn(&DatabaseUrl) -> StoreResult<Arc<dyn Database>>;

/// An address with `***` in place of a password.
fn without_password(text: &str) -> String {
    let hidden = || {
        let (scheme, rest) = text.split_once("://")?;
        let (user, place) = rest.rsplit_once('@')?;
        let (name, _) = user.split_once(':')?;
        Some(format!("{scheme}://{name}:***@{place}"))
    };
    let shown = hidden().unwrap_or_else(|| text.to_owned());
    match shown.split_once("password=") {
        Some((before, _)) => format!("{before}password=***"),
        None => shown,
    }
}

impl FromStr for DatabaseUrl {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        if text.starts_with("postgres://") || text.starts_with("postgresql://") {
            let options = text.parse();
            return match options {
                Ok(options) => Ok(Self::Postgres(Box::new(options))),
                Err(error) => Err(format!(
                    "the address of a PostgreSQL database is wrong: {error}"
                )),
            };
        }
        let Some(rest) = text.strip_prefix("sqlite:") else {
            return Err(match text.split_once("://") {
                Some((scheme, _)) => format!(
                    "`{scheme}` databases are not supported, only `sqlite:PATH` and \
                     `postgres://HOST/DATABASE`"
                ),
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
            _ => Ok(Self::Sqlite(path.into())),
        }
    }
}

/// Where this process keeps things.
#[derive(Clone, Debug)]
pub struct Place {
    pub database: DatabaseUrl,
    /// Where blobs are kept, if it was said.
    pub storage: Option<StorageUrl>,
    /// Where the machine keeps what is its own.
    pub home: PathBuf,
    /// Compiled code.
    pub cache: PathBuf,
    /// The file with the token of this machine, for its owner alone.
    pub token: PathBuf,
}

impl Place {
    /// Where blobs are: what was said, else a directory of this machine beside a database of this
    /// machine. None: in the database itself.
    pub fn blobs(&self) -> Option<StorageUrl> {
        let beside = || match self.database {
            DatabaseUrl::Sqlite(_) => Some(StorageUrl::Directory(self.home.join("blobs"))),
            DatabaseUrl::Postgres(_) => None,
        };
        self.storage.clone().or_else(beside)
    }

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
        refuse_public(&home)?;
        Ok(Self {
            database: database.unwrap_or_else(|| DatabaseUrl::Sqlite(home.join("orch.db"))),
            storage: None,
            cache: home.join("cache"),
            token: home.join("token"),
            home,
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

/// Whoever can write to the home can put another database, token or cache in place of ours.
fn refuse_public(home: &Path) -> Result<(), UserError> {
    const WRITABLE_BY_EVERYBODY: u32 = 0o002;
    let shown = home.display();
    let meta = std::fs::metadata(home)
        .map_err(|err| UserError::new(format!("`{shown}` cannot be looked at: {err}")))?;
    if meta.permissions().mode() & WRITABLE_BY_EVERYBODY == 0 {
        return Ok(());
    }
    let message = format!("everybody on this machine can write to the data directory `{shown}`");
    Err(UserError::new(message).hint(format!(
        "`chmod 700 {shown}`, or set `ORCH_HOME` to a new directory in it, which is made for you alone"
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_never_repeated() {
        for (text, expect) in [
            ("postgres://me:sec@ret@host/db", "postgres://me:***@host/db"),
            ("mysql://me@host/db", "mysql://me@host/db"),
            (
                "postgres://h/d?password=secret",
                "postgres://h/d?password=***",
            ),
        ] {
            assert_eq!(without_password(text), expect);
        }
    }

    #[test]
    fn a_url_names_a_database() {
        #[track_caller]
        fn check(url: &str, expect: Result<&str, &str>) {
            let found = match url.parse() {
                Ok(DatabaseUrl::Sqlite(path)) => Ok(path.display().to_string()),
                Ok(DatabaseUrl::Postgres(options)) => Ok(options.to_string()),
                Err(reason) => Err(reason),
            };
            let found = found.as_ref().map(String::as_str);
            assert_eq!(found.map_err(String::as_str), expect);
        }
        check("sqlite:orch.db", Ok("orch.db"));
        check("sqlite:/var/orch.db", Ok("/var/orch.db"));
        check("sqlite:///var/orch.db", Ok("/var/orch.db"));
        check("sqlite://orch.db", Ok("orch.db"));
        check("sqlite:", Err("it names no file: write `sqlite:PATH`"));
        check("orch.db", Err("it is no URL: write `sqlite:orch.db`"));
        check(
            "postgres://me:secret@host/db",
            Ok("postgres://me@host:5432/db"),
        );
        check(
            "postgres://host",
            Err(
                "the address of a PostgreSQL database is wrong: it names no database: write \
                 `postgres://HOST/DATABASE`",
            ),
        );
        check(
            "mysql://host/db",
            Err(
                "`mysql` databases are not supported, only `sqlite:PATH` and \
                 `postgres://HOST/DATABASE`",
            ),
        );
        check(
            "sqlite::memory:",
            Err("workers and commands share the database, so it must be a file"),
        );
        check("sqlite:a?mode=ro", Err("it takes no options after `?`"));
    }
}
