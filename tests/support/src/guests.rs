//! Builds the guests that tests deploy: every package in `tests/guests` and `examples`.
//!
//! A test process builds them when it first asks for one. Test runners start hundreds of
//! processes at once, so one of them builds under a file lock, and leaves a stamp. A process
//! that finds the stamp newer than all sources does not start cargo. There is no deadlock with
//! the cargo that runs the tests: it has released the target directory by then.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;
use std::time::SystemTime;

const TARGET: &str = "wasm32-wasip2";

/// The directories with the packages.
const GUEST_DIRS: [&str; 2] = ["tests/guests", "examples"];

/// The sources of the components, besides `GUEST_DIRS`.
const SOURCES: [&str; 4] = ["guest-sdk", "wit", "Cargo.toml", "Cargo.lock"];

/// The component of the package `name`, built if need be.
#[track_caller]
pub fn guest(name: &str) -> PathBuf {
    let path = guests().join(file_name(name));
    assert!(
        path.exists(),
        "there is no guest `{name}`: no package in {GUEST_DIRS:?} makes {}",
        path.display()
    );
    path
}

/// Builds all guests unless they are fresh, and returns the directory of their components.
///
/// Fails the test, with what cargo said, where they cannot be built.
#[track_caller]
pub fn guests() -> &'static Path {
    static BUILT: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    match BUILT.get_or_init(build_once) {
        Ok(dir) => dir,
        Err(why) => panic!("the guests cannot be built: {why}"),
    }
}

fn build_once() -> Result<PathBuf, String> {
    let root = workspace();
    let target_dir = target_dir(&root);
    let packages = packages(&root).map_err(|err| format!("{}: {err}", root.display()))?;
    let components = target_dir.join(TARGET).join("release");
    let stamp = target_dir.join(TARGET).join("guests.stamp");
    let is_fresh = || {
        is_newer_than_sources(&stamp, &root)
            && packages
                .iter()
                .all(|p| components.join(file_name(p)).exists())
    };

    if !is_fresh() {
        let begin = SystemTime::now();
        let _lock = lock(&target_dir.join(TARGET).join("guests.lock"))
            .map_err(|err| format!("{}: {err}", target_dir.display()))?;
        // The process that had the lock before may have built them.
        if !is_fresh() {
            build(&root, &target_dir, &packages)?;
            // The stamp has the time before the build, so a source edited meanwhile is newer.
            File::create(&stamp)
                .and_then(|file| file.set_modified(begin))
                .map_err(|err| format!("{}: {err}", stamp.display()))?;
        }
    }
    Ok(components)
}

fn build(root: &Path, target_dir: &Path, packages: &[String]) -> Result<(), String> {
    let mut set_up = Command::new("bash");
    set_up.arg(root.join("guest-sdk/wasm-target.sh"));
    run(set_up)?;

    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or("cargo".into()));
    cargo.args([
        "build",
        "--release",
        "--locked",
        "--target",
        TARGET,
        "--target-dir",
    ]);
    cargo.arg(target_dir).current_dir(root);
    // These flags are for the machine that runs the tests, such as `-C target-cpu=native`.
    cargo
        .env_remove("RUSTFLAGS")
        .env_remove("CARGO_ENCODED_RUSTFLAGS");
    for package in packages {
        cargo.args(["-p", package]);
    }
    run(cargo)
}

fn run(mut command: Command) -> Result<(), String> {
    let Output {
        status,
        stdout,
        stderr,
    } = command
        .output()
        .map_err(|err| format!("{command:?}: {err}"))?;
    if status.success() {
        return Ok(());
    }
    let said = [stdout, stderr]
        .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
        .concat();
    Err(format!("{command:?}: {status}\n{said}"))
}

/// Takes a lock that is released with the returned file, also when the process is killed.
fn lock(path: &Path) -> io::Result<File> {
    if let Some(dir) = path.parent() {
        fs::create_dir_all(dir)?;
    }
    let file = File::create(path)?;
    file.lock()?;
    Ok(file)
}

fn is_newer_than_sources(stamp: &Path, root: &Path) -> bool {
    let Ok(built) = fs::metadata(stamp).and_then(|meta| meta.modified()) else {
        return false;
    };
    SOURCES.iter().chain(&GUEST_DIRS).all(|path| {
        let changed = latest_change(&root.join(path));
        changed.is_ok_and(|changed| changed < built)
    })
}

/// When a file was last changed, or anything in a directory, removals included.
fn latest_change(path: &Path) -> io::Result<SystemTime> {
    let meta = fs::metadata(path)?;
    let mut latest = meta.modified()?;
    if meta.is_dir() {
        for entry in fs::read_dir(path)? {
            let entry = entry?;
            if entry.file_name() != "target" {
                latest = latest.max(latest_change(&entry.path())?);
            }
        }
    }
    Ok(latest)
}

/// The names of all packages in `GUEST_DIRS`.
fn packages(root: &Path) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for dir in GUEST_DIRS {
        for entry in fs::read_dir(root.join(dir))? {
            let manifest = entry?.path().join("Cargo.toml");
            if manifest.exists() {
                names.extend(package_name(&fs::read_to_string(manifest)?));
            }
        }
    }
    Ok(names)
}

/// The first `name` of a manifest, which is the package's by custom.
fn package_name(manifest: &str) -> Option<String> {
    manifest.lines().find_map(|line| {
        let (key, value) = line.split_once('=')?;
        (key.trim() == "name").then(|| value.trim().trim_matches('"').to_owned())
    })
}

fn file_name(package: &str) -> String {
    format!("{}.wasm", package.replace('-', "_"))
}

fn workspace() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors()
        .nth(2)
        .expect("tests/support is two below the workspace")
        .to_owned()
}

/// A relative `CARGO_TARGET_DIR` is taken from the workspace, where cargo is called as a rule.
fn target_dir(root: &Path) -> PathBuf {
    root.join(std::env::var_os("CARGO_TARGET_DIR").unwrap_or(OsString::from("target")))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// A workspace whose sources were changed at `seconds`, apart from `edited`.
    fn workspace_changed_at(seconds: u64, edited: &[(&str, u64)]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for path in [
            "guest-sdk/src/lib.rs",
            "wit/a.wit",
            "Cargo.toml",
            "Cargo.lock",
            "tests/guests/a/Cargo.toml",
            "examples/b/Cargo.toml",
            "stamp",
        ] {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
        touch_all(root.path(), seconds);
        for (path, seconds) in edited {
            touch(&root.path().join(path), *seconds);
        }
        root
    }

    fn touch_all(path: &Path, seconds: u64) {
        if path.is_dir() {
            for entry in fs::read_dir(path).unwrap() {
                touch_all(&entry.unwrap().path(), seconds);
            }
        }
        touch(path, seconds);
    }

    fn touch(path: &Path, seconds: u64) {
        let time = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        File::open(path).unwrap().set_modified(time).unwrap();
    }

    #[track_caller]
    fn check(edited: &[(&str, u64)], expect: bool) {
        let root = workspace_changed_at(100, edited);
        let stamp = root.path().join("stamp");
        assert_eq!(is_newer_than_sources(&stamp, root.path()), expect);
    }

    #[test]
    fn guests_are_fresh_until_a_source_is_newer() {
        check(&[("stamp", 101)], true);
        check(&[], false);
        check(&[("stamp", 101), ("guest-sdk/src/lib.rs", 102)], false);
        check(&[("stamp", 101), ("Cargo.lock", 102)], false);
        check(&[("stamp", 101), ("tests/guests", 102)], false);
        check(&[("stamp", 101), ("examples/b/Cargo.toml", 102)], false);
    }

    #[test]
    fn guests_without_a_stamp_are_not_fresh() {
        let root = workspace_changed_at(100, &[]);
        assert!(!is_newer_than_sources(
            &root.path().join("absent"),
            root.path()
        ));
    }

    #[test]
    fn a_package_is_named_by_its_manifest() {
        let manifest = "[package]\nname = \"process-item\"\n\n[lib]\nname = \"other\"\n";
        assert_eq!(package_name(manifest).as_deref(), Some("process-item"));
        assert_eq!(file_name("process-item"), "process_item.wasm");
    }

    #[test]
    fn a_guest_is_a_component() {
        let bytes = fs::read(guest("process_item")).unwrap();
        assert_eq!(bytes[..8], *b"\0asm\x0d\0\x01\0", "a layer-1 component");
    }

    #[test]
    fn one_lock_waits_for_the_other() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a/lock");
        let held = lock(&path).unwrap();
        assert!(File::open(&path).unwrap().try_lock().is_err());
        drop(held);
        assert!(File::open(&path).unwrap().try_lock().is_ok());
    }
}
