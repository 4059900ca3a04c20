//! A machine whose names lead where a test says, by a library that is loaded before the system's.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

/// Answers the questions of a program for the addresses of names. Its programs go away with it.
#[derive(Debug)]
pub struct Resolver {
    dir: TempDir,
}

impl Resolver {
    /// One that knows no name. Compiles its library, which takes a C compiler.
    #[track_caller]
    pub fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let source = dir.path().join("resolver.c");
        fs::write(&source, include_str!("resolver.c")).unwrap();
        let compiled = Command::new("cc")
            .args(["-shared", "-fPIC", "-o"])
            .args([dir.path().join("resolver.so"), source])
            .status()
            .unwrap();
        assert!(compiled.success());
        let resolver = Self { dir };
        resolver.answer(&[]);
        resolver
    }

    /// From now on these names have these addresses, and no other name has any.
    pub fn answer(&self, names: &[(&str, &str)]) {
        let lines: String = names
            .iter()
            .map(|(name, address)| format!("{name} {address}\n"))
            .collect();
        let new = self.file("new");
        fs::write(&new, lines).unwrap();
        fs::rename(new, self.file("names")).unwrap();
    }

    /// What was asked for until now.
    pub fn asked(&self) -> Vec<String> {
        let asked = fs::read_to_string(self.file("asked")).unwrap_or_default();
        asked.lines().map(str::to_owned).collect()
    }

    fn file(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// What runs `program` on this machine: with the same arguments and the same process id.
    pub fn program(&self, program: impl AsRef<Path>) -> PathBuf {
        let script = self.file("program");
        let text = format!(
            "#!/bin/sh\nLD_PRELOAD='{}' RESOLVER_NAMES='{}' RESOLVER_ASKED='{}' exec '{}' \"$@\"\n",
            self.file("resolver.so").display(),
            self.file("names").display(),
            self.file("asked").display(),
            program.as_ref().display()
        );
        fs::write(&script, text).unwrap();
        fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
        script
    }
}

impl Default for Resolver {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Home;

    #[test]
    fn a_program_gets_the_answers_of_the_test() {
        let resolver = Resolver::new();
        let home = Home::new(resolver.program("/usr/bin/getent"));
        resolver.answer(&[("db.test", "192.0.2.7")]);
        let ran = home.run(["ahostsv4", "db.test"]).ok();
        assert!(ran.stdout.contains("192.0.2.7"), "{ran}");
        home.run(["ahostsv4", "other.test"]).fails(2);
        assert_eq!(resolver.asked(), ["db.test", "other.test"]);
    }
}
