//! A disk of a few megabytes that a test can fill, and free again.
//!
//! It is a file system in memory, mounted over a home in a mount namespace of its own, which
//! a process that sleeps keeps alive: the mount ends with it, however the test ends. The
//! program under test enters that namespace by way of a script.

use std::fs::{self, File};
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use crate::Home;

/// The disk of a home.
pub struct SmallDisk {
    /// The process that keeps the namespace alive.
    holder: Child,
    /// The mounted directory as this process sees it.
    seen: PathBuf,
    /// Holds the script.
    _entrance: TempDir,
}

impl SmallDisk {
    /// A home on a disk of its own. Returns None, with the reason on stderr, if this process
    /// may not mount anything.
    pub fn home(program: impl Into<PathBuf>, megabytes: u32) -> Option<(Home, Self)> {
        let entrance = tempfile::Builder::new()
            .prefix("orch-disk-")
            .tempdir()
            .unwrap();
        let script = entrance.path().join("enter");
        let home = Home::new(&script);
        let holder = match mount(home.path(), megabytes) {
            Ok(holder) => holder,
            Err(why) => {
                eprintln!("skipped, because no disk can be mounted here: {why}");
                return None;
            }
        };
        let program = std::path::absolute(program.into()).unwrap();
        write_script(&script, &holder, &program);
        let root = PathBuf::from(format!("/proc/{}/root", holder.id()));
        let seen = root.join(home.path().strip_prefix("/").unwrap());
        let disk = Self {
            holder,
            seen,
            _entrance: entrance,
        };
        Some((home, disk))
    }

    /// The directory of the home, for a process outside of its namespace.
    pub fn path(&self) -> &Path {
        &self.seen
    }

    /// Leaves no byte free.
    pub fn fill(&self) {
        let mut filler = File::create(self.filler()).unwrap();
        // A page is the smallest unit of a disk in memory.
        let full = loop {
            if let Err(err) = filler.write_all(&[0; 4096]) {
                break err;
            }
        };
        assert_eq!(full.kind(), io::ErrorKind::StorageFull, "{full}");
    }

    /// Gives back what [`Self::fill`] took.
    pub fn free(&self) {
        fs::remove_file(self.filler()).unwrap();
    }

    fn filler(&self) -> PathBuf {
        self.seen.join("filler")
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = self.holder.kill();
        let _ = self.holder.wait();
    }
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// A process in whose namespace the disk is mounted at `dir`, or why there is none.
fn mount(dir: &Path, megabytes: u32) -> Result<Child, String> {
    const SCRIPT: &str = "mount -t tmpfs -o \"size=$2m,mode=700\" tmpfs \"$1\" && echo mounted && exec sleep infinity";
    let mut unshare = Command::new("unshare");
    unshare.arg("--mount");
    if !is_root() {
        unshare.args(["--user", "--map-root-user"]);
    }
    unshare
        .args(["sh", "-c", SCRIPT, "sh"])
        .arg(dir)
        .arg(megabytes.to_string())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut holder = unshare.spawn().map_err(|err| format!("unshare: {err}"))?;
    let mut said = String::new();
    let stdout = holder.stdout.take().expect("stdout is piped");
    let _ = BufReader::new(stdout).read_line(&mut said);
    if said == "mounted\n" {
        return Ok(holder);
    }
    let mut why = String::new();
    let _ = holder.stderr.take().unwrap().read_to_string(&mut why);
    let _ = holder.wait();
    Err(why.trim().to_owned())
}

/// Becomes the program in the namespace of `holder`, under the same process id.
fn write_script(script: &Path, holder: &Child, program: &Path) {
    let user = if is_root() {
        ""
    } else {
        "--user --preserve-credentials "
    };
    let text = format!(
        "#!/bin/sh\nexec nsenter --target {} --mount {user}-- '{}' \"$@\"\n",
        holder.id(),
        program.display()
    );
    fs::write(script, text).unwrap();
    fs::set_permissions(script, fs::Permissions::from_mode(0o700)).unwrap();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_is_full_until_it_is_freed() {
        let Some((home, disk)) = SmallDisk::home("/bin/sh", 1) else {
            return;
        };
        let write = |file: &str| {
            let script = format!("echo word > \"$ORCH_HOME/{file}\"");
            home.run(["-c", &script])
        };
        write("one").ok();
        disk.fill();
        let ran = write("two");
        assert!(ran.code != 0, "{ran}");
        disk.free();
        write("three").ok();
        assert_eq!(fs::read(disk.path().join("three")).unwrap(), b"word\n");
        // Nothing was written to the directory below the mount.
        assert!(!home.path().join("three").exists());
    }
}
