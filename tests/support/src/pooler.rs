//! A pooler before the databases of a cluster: PgBouncer in transaction mode.

use std::fmt::Write as _;
use std::fs;
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

use crate::postgres::{OWNER, free_port, server_user};
use crate::{Database, eventually, left_out};

/// How long it may take until it listens.
const LIMIT: Duration = Duration::from_secs(10);

/// It ends with the test process, however that ends: then its stdin is at its end.
const KEEPER: &str = "pgbouncer -q \"$1\" >\"$1.log\" 2>&1 & read -r _; kill \"$!\"";

/// The oldest that keeps prepared statements.
const OLDEST: [u32; 2] = [1, 21];

/// A running pooler, which any user may connect to.
pub struct Pooler {
    port: u16,
    keeper: Child,
    _settings: TempDir,
}

impl Pooler {
    /// With these settings beside those that it needs: `name = value`. Returns None, and says so,
    /// where there is none that would do.
    #[track_caller]
    pub fn before(database: &Database, settings: &[&str]) -> Option<Self> {
        if !is_installed() {
            left_out("stories about poolers", "tests/postgres/pgbouncer.sh");
            return None;
        }
        Some(Self::at(free_port(), database, settings))
    }

    /// At this port, once it is known that there is one.
    pub fn at(port: u16, database: &Database, settings: &[&str]) -> Self {
        let settings_dir = tempfile::tempdir().unwrap();
        let dir = settings_dir.path();
        // Whoever runs it writes its log there.
        fs::set_permissions(dir, fs::Permissions::from_mode(0o777)).unwrap();
        let mut text = format!(
            "[databases]\n* = host=127.0.0.1 port={} user={OWNER}\n[pgbouncer]\n\
             listen_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\n\
             auth_type = any\npool_mode = transaction\n",
            database.port()
        );
        for setting in settings {
            let _ = writeln!(text, "{setting}");
        }
        let path = dir.join("pgbouncer.ini");
        fs::write(&path, text).unwrap();
        let mut command = Command::new("sh");
        command
            .args(["-c", KEEPER, "pgbouncer"])
            .arg(&path)
            .process_group(0)
            .stdin(Stdio::piped());
        if let Some((user, group)) = server_user() {
            command.uid(user).gid(group);
        }
        let keeper = command.spawn().unwrap();
        eventually(LIMIT, || TcpStream::connect(("127.0.0.1", port)).is_ok());
        Self {
            port,
            keeper,
            _settings: settings_dir,
        }
    }

    pub fn port(&self) -> u16 {
        self.port
    }
}

impl Drop for Pooler {
    fn drop(&mut self) {
        drop(self.keeper.stdin.take());
        let _ = self.keeper.wait();
    }
}

fn is_installed() -> bool {
    let Ok(output) = Command::new("pgbouncer").arg("--version").output() else {
        return false;
    };
    let text = String::from_utf8_lossy(&output.stdout);
    let version = text
        .lines()
        .next()
        .and_then(|it| it.strip_prefix("PgBouncer "));
    let numbers = version.unwrap_or_default().split('.').map(str::parse);
    let numbers: Vec<u32> = numbers.map_while(Result::ok).collect();
    numbers.as_slice() >= OLDEST.as_slice()
}
