//! A database as a whole.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::View;
use crate::database::{BackedUp, Copied, Migrated, Standing, runs};
use store::moving::{Engine, Look};

/// What a database is, and what is in it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DatabaseView {
    /// Where it is, without a password.
    pub database: String,
    /// `sqlite` or `postgresql`.
    pub engine: String,
    /// `missing`, `empty`, `older`, `current`, `newer` or `half-copied`.
    pub state: String,
    /// Of a half copy: the place of the original.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub copy_of: Option<String>,
    /// Of its tables. None: there are none.
    pub version: Option<i64>,
    /// Of the tables that this program makes.
    pub known_version: i64,
    /// Of the server. None: there is no server.
    pub server_version: Option<String>,
    /// What it takes on the disk.
    pub bytes: u64,
    /// None: this program cannot tell.
    pub flow_runs: Option<RunCountsView>,
    /// The names of those that are alive. None: this program cannot tell.
    pub workers: Option<Vec<String>>,
}

/// How many flow runs there are.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RunCountsView {
    pub total: u64,
    /// Of these, so many are not over.
    pub unfinished: u64,
    pub by_state: BTreeMap<String, u64>,
}

impl View for DatabaseView {}

impl DatabaseView {
    pub fn new(engine: Engine, place: String, look: Look) -> Self {
        let standing = Standing::of(&look);
        let version = standing.version(&look);
        let (state, copy_of) = match standing {
            Standing::Missing => ("missing", None),
            Standing::Empty => ("empty", None),
            Standing::Older(_) => ("older", None),
            Standing::Current(_) => ("current", None),
            Standing::Newer(_) => ("newer", None),
            Standing::HalfCopied(from) => ("half-copied", Some(from)),
        };
        let counts = look.contents.as_ref().map(|contents| {
            let (total, unfinished) = runs(contents);
            let by_state = contents.runs.iter();
            RunCountsView {
                total,
                unfinished,
                by_state: by_state
                    .map(|(of, count)| (of.to_string(), *count))
                    .collect(),
            }
        });
        Self {
            database: place,
            engine: engine.as_str().to_owned(),
            state: state.to_owned(),
            copy_of,
            version,
            known_version: look.known,
            server_version: look.server,
            bytes: look.bytes,
            flow_runs: counts,
            workers: look.contents.map(|contents| contents.workers),
        }
    }
}

/// A database that was brought to this version.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct MigratedView {
    pub database: String,
    /// The version that it had. None: there was nothing in it.
    pub from_version: Option<i64>,
    pub version: i64,
}

impl View for MigratedView {}

impl MigratedView {
    pub fn new(database: String, migrated: Migrated) -> Self {
        Self {
            database,
            from_version: migrated.from,
            version: migrated.to,
        }
    }
}

/// A backup that was written, or put back.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct BackedUpView {
    pub from: String,
    pub to: String,
    pub bytes: u64,
    pub flow_runs: u64,
    pub blobs: u64,
}

impl View for BackedUpView {}

impl From<BackedUp> for BackedUpView {
    fn from(done: BackedUp) -> Self {
        let BackedUp {
            from,
            to,
            bytes,
            runs,
            blobs,
        } = done;
        Self {
            from,
            to,
            bytes,
            flow_runs: runs,
            blobs,
        }
    }
}

/// A database that was copied.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct CopiedView {
    pub from: String,
    pub to: String,
    pub rows: u64,
    pub tables: BTreeMap<String, u64>,
}

impl View for CopiedView {}

impl CopiedView {
    pub fn new(from: String, to: String, copied: Copied) -> Self {
        let rows = copied.rows();
        let tables = copied.tables.into_iter();
        Self {
            from,
            to,
            rows,
            tables: tables.map(|(name, rows)| (name.to_owned(), rows)).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::testing::shown;
    use model::StateType;
    use store::moving::{Condition, Contents, Mark};

    fn look(condition: Condition) -> Look {
        Look {
            condition,
            known: 2,
            server: Some("15.4".to_owned()),
            bytes: 4096,
            contents: Some(Contents {
                runs: [(StateType::Running, 1), (StateType::Completed, 6)].into(),
                workers: vec!["brave-newt".to_owned()],
            }),
        }
    }

    #[test]
    fn the_shape_of_a_database() {
        let place = "postgres://me@db/flows".to_owned();
        let view = DatabaseView::new(Engine::Postgres, place, look(Condition::Version(2)));
        insta::assert_snapshot!(shown(&view), @r#"
        {
          "database": "postgres://me@db/flows",
          "engine": "postgresql",
          "state": "current",
          "version": 2,
          "known_version": 2,
          "server_version": "15.4",
          "bytes": 4096,
          "flow_runs": {
            "total": 7,
            "unfinished": 1,
            "by_state": {
              "COMPLETED": 6,
              "RUNNING": 1
            }
          },
          "workers": [
            "brave-newt"
          ]
        }
        "#);
    }

    #[test]
    fn how_a_database_stands_is_a_word() {
        #[track_caller]
        fn check(condition: Condition, expect: (&str, Option<i64>, Option<&str>)) {
            let view = DatabaseView::new(Engine::Sqlite, "x".to_owned(), look(condition));
            assert_eq!(
                (view.state.as_str(), view.version, view.copy_of.as_deref()),
                expect
            );
        }
        check(Condition::Missing, ("missing", None, None));
        check(Condition::Blank, ("empty", None, None));
        check(Condition::Version(1), ("older", Some(1), None));
        check(Condition::Version(3), ("newer", Some(3), None));
        let mark = Mark {
            from: "sqlite:a".to_owned(),
            state: String::new(),
        };
        let expect = ("half-copied", Some(2), Some("sqlite:a"));
        check(Condition::HalfCopied(mark), expect);
    }

    #[test]
    fn the_shapes_of_what_was_done() {
        let migrated = Migrated { from: None, to: 13 };
        insta::assert_snapshot!(shown(&MigratedView::new("sqlite:a".to_owned(), migrated)), @r#"
        {
          "database": "sqlite:a",
          "from_version": null,
          "version": 13
        }
        "#);
        let copied = Copied {
            tables: vec![("pools", 1), ("logs", 7)],
            earlier: 0,
        };
        let view = CopiedView::new("sqlite:a".to_owned(), "sqlite:b".to_owned(), copied);
        insta::assert_snapshot!(shown(&view), @r#"
        {
          "from": "sqlite:a",
          "to": "sqlite:b",
          "rows": 8,
          "tables": {
            "logs": 7,
            "pools": 1
          }
        }
        "#);
    }
}
