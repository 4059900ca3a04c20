//! Machines whose clock is wrong, by `libfaketime`.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::left_out;

/// A machine whose clock shows another time than this one's. Its programs go away with it.
#[derive(Debug)]
pub struct WrongClock {
    library: PathBuf,
    scripts: TempDir,
}

impl WrongClock {
    /// Off by so much, as `libfaketime` writes it: `-1h`, `+1h`. None, which is said, where that
    /// library is not installed.
    #[track_caller]
    pub fn off_by(offset: &str) -> Option<Self> {
        let Some(library) = library() else {
            left_out(
                "stories about clocks that are wrong",
                "tests/postgres/install.sh",
            );
            return None;
        };
        let wrong = Self {
            library,
            scripts: tempfile::tempdir().unwrap(),
        };
        wrong.jump(offset);
        Some(wrong)
    }

    /// From now on it is off by so much, also for programs that run.
    pub fn jump(&self, offset: &str) {
        let new = self.scripts.path().join("new");
        fs::write(&new, offset).unwrap();
        fs::rename(&new, self.offset()).unwrap();
    }

    fn offset(&self) -> PathBuf {
        self.scripts.path().join("offset")
    }

    /// What runs `program` by this clock: with the same arguments and the same process id. Spans
    /// are as long as elsewhere: only what time it is differs.
    pub fn program(&self, program: impl AsRef<Path>) -> PathBuf {
        let script = self.scripts.path().join("program");
        let text = format!(
            "#!/bin/sh\nLD_PRELOAD='{}' FAKETIME_TIMESTAMP_FILE='{}' FAKETIME_NO_CACHE=1 \\\n\
             DONT_FAKE_MONOTONIC=1 exec '{}' \"$@\"\n",
            self.library.display(),
            self.offset().display(),
            program.as_ref().display()
        );
        fs::write(&script, text).unwrap();
        fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
        script
    }
}

/// Where Debian keeps the variant for programs with threads: below the directory of the machine's
/// architecture.
fn library() -> Option<PathBuf> {
    let directories = fs::read_dir("/usr/lib").ok()?.flatten();
    let mut libraries = directories.map(|entry| entry.path().join("faketime/libfaketimeMT.so.1"));
    libraries.find(|path| path.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Home;

    #[test]
    fn a_program_sees_another_time() {
        let Some(clock) = WrongClock::off_by("-1h") else {
            return;
        };
        let seconds = |program: PathBuf| -> i64 {
            let ran = Home::new(program).run(["+%s"]).ok();
            ran.stdout.trim().parse().unwrap()
        };
        let right = PathBuf::from("/bin/date");
        let before = seconds(right.clone()) - 3600;
        let wrong = seconds(clock.program(&right));
        let after = seconds(right) - 3600;
        assert!((before..=after).contains(&wrong), "{wrong}");
    }
}
