//! A PostgreSQL cluster for the tests of one process, and empty databases in it.
//!
//! ```text
//!              --- a port ------------>              --- pg_ctl --> server
//! test process                          postgres.sh
//!              <-- started, failed ----              --- rm ------> its directory
//! ```
//!
//! The first database that is asked for starts the cluster. The cluster ends with the test
//! process, however that ends: the shell script [`KEEPER`] reads a pipe whose other end only
//! the test process holds, and when the pipe is closed, it stops the server and removes the
//! data. A destructor would not do, because a test program ends by `exit`, which does not drop
//! what is static, and because it may be killed. The pipe is not inherited by what tests start.
//!
//! Test processes that run at once have a cluster each. A port that was free may be taken by
//! another process before the server listens on it; then another port is tried.
//!
//! Nothing is synced to disk: the data of a test need not survive a power failure. A commit
//! survives the death of a client all the same.

use std::env;
use std::fmt::Display;
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::iter;
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Mutex, OnceLock};
use std::thread;
use std::time::Duration;

use crate::{Group, Ran, left_out};

mod trouble;

pub use trouble::Frozen;

/// Keeps the cluster, and ends it at the end of its stdin.
const KEEPER: &str = include_str!("postgres.sh");

/// What has to be in one directory: programs of different versions do not work together.
const PROGRAMS: [&str; 5] = ["createdb", "initdb", "pg_ctl", "postgres", "psql"];

/// Who runs the server where the tests run as root, as whom it refuses to run.
const SERVER_USER: &str = "postgres";

/// The owner of all databases, who needs no password.
pub(crate) const OWNER: &str = "orch";

/// How long the server may take to start, and a client program to end.
const LIMIT: Duration = Duration::from_secs(120);

/// How many ports are tried.
const PORTS_MAX: usize = 5;

/// What the server's log says about a port that another process listens on.
const PORT_TAKEN: &str = "Address already in use";

/// An empty database of its own. It goes away with the test process.
#[derive(Debug)]
pub struct Database {
    port: u16,
    name: String,
}

impl Database {
    /// What a client connects to: `postgres://user@host:port/name`.
    pub fn url(&self) -> String {
        self.url_at("127.0.0.1", self.port)
    }

    /// The same by way of what passes connections on.
    pub fn url_at(&self, host: impl Display, port: u16) -> String {
        format!("postgres://{OWNER}@{host}:{port}/{}", self.name)
    }

    /// The same database where another server has it: a standby.
    #[must_use]
    pub fn at(&self, server: &Cluster) -> Self {
        Self {
            port: server.port,
            name: self.name.clone(),
        }
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where the server listens on the loopback.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// What `psql` prints of a statement, without headings.
    #[track_caller]
    pub fn sql(&self, statement: &str) -> String {
        self.try_sql(statement).ok().stdout
    }

    /// The same, of a server that may not be there.
    #[track_caller]
    pub fn try_sql(&self, statement: &str) -> Ran {
        let programs = installed().expect("the database is there");
        let mut psql = Command::new(programs.join("psql"));
        psql.args(["-XAtqc", statement, &self.url()])
            .env_clear()
            .stdin(Stdio::null());
        Ran::of(psql, LIMIT)
    }

    /// Begins a transaction with `statement`, a lock say, and keeps it open until the answer is
    /// dropped: then the server hears that nobody is there any more, for it does nothing else.
    #[track_caller]
    pub fn hold(&self, statement: &str) -> Group {
        let programs = installed().expect("the database is there");
        let mut psql = Command::new(programs.join("psql"));
        let (mut held, holds) = UnixStream::pair().unwrap();
        let script = format!("begin; {statement}; \\echo held\n");
        psql.args(["-XAtq", &self.url()])
            .env_clear()
            .stdin(Stdio::piped())
            .stdout(OwnedFd::from(holds));
        let mut group = Group::spawn(&mut psql).unwrap();
        let stdin = group.child.stdin.as_mut().expect("stdin is piped");
        stdin.write_all(script.as_bytes()).unwrap();
        held.set_read_timeout(Some(LIMIT)).unwrap();
        let mut said = [0; 5];
        held.read_exact(&mut said).unwrap();
        assert_eq!(&said, b"held\n");
        group
    }
}

/// Makes a database. Returns None, and says so, where PostgreSQL is not installed.
#[track_caller]
pub fn database() -> Option<Database> {
    // A start that has failed is not tried again: each test would wait for it.
    static CLUSTER: OnceLock<Result<Cluster, String>> = OnceLock::new();

    let programs = installed()?;
    let ports = iter::repeat_with(free_port).take(PORTS_MAX);
    match CLUSTER.get_or_init(|| Cluster::start(&programs, ports, None)) {
        Ok(cluster) => Some(cluster.database()),
        Err(why) => panic!("no PostgreSQL server: {why}"),
    }
}

/// A server of a story's own, which may have trouble. None, which is said, where PostgreSQL is not
/// installed.
#[track_caller]
pub fn cluster() -> Option<Cluster> {
    let programs = installed()?;
    let ports = iter::repeat_with(free_port).take(PORTS_MAX);
    match Cluster::start(&programs, ports, None) {
        Ok(cluster) => Some(cluster),
        Err(why) => panic!("no PostgreSQL server: {why}"),
    }
}

/// A running server.
#[derive(Debug)]
pub struct Cluster {
    programs: PathBuf,
    /// Holds the data and the server's log.
    dir: PathBuf,
    port: u16,
    /// How many databases were made.
    made: AtomicU32,
    /// Ends the server when this is dropped, or the process ends: its stdin is closed then.
    keeper: Child,
    answers: Mutex<Receiver<String>>,
}

impl Cluster {
    /// Starts a server at the first of `ports` that is free: a standby, where a primary's is given.
    fn start(
        programs: &Path,
        ports: impl IntoIterator<Item = u16>,
        primary: Option<u16>,
    ) -> Result<Self, String> {
        let mut keeper = keeper_command(programs, primary)?
            .spawn()
            .map_err(|err| format!("`sh`: {err}"))?;
        let answers = lines_of(&mut keeper);
        let dir = answers
            .recv_timeout(LIMIT)
            .map_err(|err| format!("no directory for the data: {err}"))?;
        let dir = PathBuf::from(dir);

        let mut answer = "no port".to_owned();
        for port in ports {
            answer = ask(&mut keeper, &answers, port);
            if answer == "started" {
                return Ok(Self {
                    programs: programs.to_owned(),
                    dir,
                    port,
                    made: AtomicU32::new(0),
                    keeper,
                    answers: Mutex::new(answers),
                });
            }
            if !log_in(&dir).contains(PORT_TAKEN) {
                break;
            }
        }
        Err(format!("{answer}\n--- log\n{}", log_in(&dir)))
    }

    /// An empty database of this server.
    #[track_caller]
    pub fn database(&self) -> Database {
        let number = self.made.fetch_add(1, Ordering::Relaxed) + 1;
        let name = format!("orch_{number}");
        let port = self.port;
        let mut createdb = Command::new(self.programs.join("createdb"));
        createdb
            .args(["-h", "127.0.0.1", "-U", OWNER, "-p"])
            .args([&port.to_string(), &name])
            .env_clear()
            .stdin(Stdio::null());
        let ran = Ran::of(createdb, LIMIT);
        assert_eq!(ran.code, 0, "{ran}\n--- log\n{}", log_in(&self.dir));
        Database { port, name }
    }
}

/// The command that keeps a cluster. It has nothing of the test's environment that would
/// change what PostgreSQL does, and does not get the signals of the test's process group.
fn keeper_command(programs: &Path, primary: Option<u16>) -> Result<Command, String> {
    let mut command = Command::new("sh");
    command
        .args(["-c", KEEPER, "postgres.sh"])
        .args([programs, &env::temp_dir()])
        .args(primary.map(|port| port.to_string()))
        .env_clear()
        .env("PATH", env::var_os("PATH").unwrap_or_default())
        .current_dir("/")
        .process_group(0)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped());
    as_server_user(&mut command)?;
    Ok(command)
}

/// The server refuses to run as root, and so does what controls it.
fn as_server_user(command: &mut Command) -> Result<(), String> {
    if let Some((user, group)) = server_user() {
        command.uid(user).gid(group);
    } else if is_root() {
        return Err(format!(
            "it does not run as root, and there is no user `{SERVER_USER}`"
        ));
    }
    Ok(())
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// Who runs a server that does not run as root, if the tests do.
pub(crate) fn server_user() -> Option<(u32, u32)> {
    is_root().then(|| ids_of(SERVER_USER)).flatten()
}

/// The lines that `keeper` writes, so that one may wait for them with a limit.
fn lines_of(keeper: &mut Child) -> Receiver<String> {
    let stdout = BufReader::new(keeper.stdout.take().expect("stdout is piped"));
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        for line in stdout.lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                break;
            }
        }
    });
    receiver
}

/// Asks `keeper` to start the server at `port`. Its answer, or why there is none.
fn ask(keeper: &mut Child, answers: &Receiver<String>, port: u16) -> String {
    let stdin = keeper.stdin.as_mut().expect("stdin is piped");
    if let Err(err) = writeln!(stdin, "{port}") {
        return err.to_string();
    }
    answers
        .recv_timeout(LIMIT)
        .unwrap_or_else(|err| format!("no answer: {err}"))
}

fn log_in(dir: &Path) -> String {
    fs::read_to_string(dir.join("log")).unwrap_or_else(|err| err.to_string())
}

/// A port that no process listens on now.
pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    listener.local_addr().unwrap().port()
}

/// The user's id and its group's.
fn ids_of(user: &str) -> Option<(u32, u32)> {
    let passwd = fs::read_to_string("/etc/passwd").ok()?;
    passwd.lines().find_map(|line| {
        let fields: Vec<_> = line.split(':').collect();
        match fields[..] {
            [name, _, id, group, ..] if name == user => {
                Some((id.parse().ok()?, group.parse().ok()?))
            }
            _ => None,
        }
    })
}

/// The directory of PostgreSQL's programs. Where there is none, the stories are left out.
#[track_caller]
fn installed() -> Option<PathBuf> {
    let found = programs();
    if found.is_none() {
        left_out("stories about PostgreSQL", "tests/postgres/install.sh");
    }
    found
}

/// What is on the PATH comes first, then the newest of the versions that Debian keeps elsewhere.
fn programs() -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    // On the PATH there may be a link to one program alone.
    let mut dirs: Vec<_> = env::split_paths(&path)
        .filter_map(|dir| fs::canonicalize(dir.join("initdb")).ok())
        .filter_map(|initdb| Some(initdb.parent()?.to_owned()))
        .collect();
    let debian = Path::new("/usr/lib/postgresql");
    let mut versions: Vec<u32> = fs::read_dir(debian)
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .collect();
    versions.sort_unstable();
    let newest_first = versions.iter().rev();
    dirs.extend(newest_first.map(|version| debian.join(version.to_string()).join("bin")));

    let has_all = |dir: &PathBuf| PROGRAMS.iter().all(|name| dir.join(name).is_file());
    dirs.into_iter().find(has_all)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::eventually;

    #[test]
    fn a_database_answers() {
        let Some(database) = database() else { return };
        assert_eq!(database.sql("select 1"), "1\n");
    }

    #[test]
    fn a_database_is_not_shared() {
        let Some((one, other)) = database().zip(database()) else {
            return;
        };
        assert_ne!(one.url(), other.url());
        one.sql("create table words (word text)");
        let tables = "select count(*) from pg_tables where tablename = 'words'";
        assert_eq!(one.sql(tables), "1\n");
        assert_eq!(other.sql(tables), "0\n");
    }

    #[test]
    fn a_cluster_passes_over_a_port_that_is_taken_and_ends_with_its_pipe() {
        let Some(programs) = installed() else { return };
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let taken = listener.local_addr().unwrap().port();
        let cluster = Cluster::start(&programs, [taken, free_port()], None).unwrap();
        assert_ne!(cluster.port, taken);
        assert_eq!(cluster.database().sql("select 1"), "1\n");

        let dir = cluster.dir.clone();
        let lock = fs::read_to_string(dir.join("data/postmaster.pid")).unwrap();
        let server = Path::new("/proc").join(lock.lines().next().unwrap());
        // The words are gone from a process that has ended, also while nobody has waited for it.
        let runs = || fs::read(server.join("cmdline")).is_ok_and(|words| !words.is_empty());
        assert!(runs());
        drop(cluster);
        eventually(LIMIT, || !dir.exists());
        assert!(!runs());
    }

    #[test]
    fn a_server_that_does_not_start_is_explained_by_its_log() {
        let Some(programs) = installed() else { return };
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let taken = listener.local_addr().unwrap().port();
        let why = Cluster::start(&programs, [taken], None).err().unwrap();
        assert!(why.starts_with("failed\n"), "{why}");
        assert!(why.contains(PORT_TAKEN), "{why}");
    }
}
