//! Compiled code is kept on disk, and taken from there only if it is what was kept.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use insta_cmd::assert_cmd_snapshot;
use test_support::{Home, guest};

use super::{cold_home, deploy, steady};

/// What is said of code that is not used.
const NOT_USED: &str = "is not used, and compiled anew: ";

/// The file with the code of a component, which a run of it has made.
fn code_of(home: &Home, component: &str) -> PathBuf {
    let path = guest(component).display().to_string();
    let digest = home
        .run(["component", "inspect", &path, "-o", "json"])
        .ok()
        .json()["digest"]
        .as_str()
        .unwrap()
        .to_owned();
    let cache = home.path().join("cache");
    let settings = fs::read_dir(&cache)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .find(|path| path.is_dir())
        .unwrap();
    settings.join(format!("{digest}.cwasm"))
}

/// A flow of the component runs with whatever is in the cache, and says so of what is not used.
#[track_caller]
fn check(home: &Home, said: Option<&str>) {
    let ran = home.run(["run", "nest", "-p", "depth=0"]).ok();
    assert_eq!(ran.stdout, "0\n");
    match said {
        Some(said) => {
            let said = format!("{NOT_USED}{said}");
            assert!(ran.stderr.contains(&said), "{said:?} in {ran}");
            // What was compiled anew is used from then on.
            check(home, None);
        }
        None => assert!(!ran.stderr.contains(NOT_USED), "{ran}"),
    }
}

#[test]
fn damaged_code_is_compiled_anew_wherever_it_is_damaged() {
    let home = cold_home();
    deploy(&home, "nesting", &[]);
    let path = code_of(&home, "nesting");
    let whole = fs::read(&path).unwrap();
    let unfit = Some("its seal does not fit");
    check(&home, None);

    // Every part of it: the header, the code, the tables, the seal at its end.
    for part in 0..16 {
        let mut damaged = whole.clone();
        let at = (damaged.len() - 1) * part / 15;
        let end = damaged.len().min(at + 16);
        for byte in &mut damaged[at..end] {
            *byte ^= 0xff;
        }
        fs::write(&path, damaged).unwrap();
        check(&home, unfit);
    }
    for length in [whole.len() - 1, whole.len() / 2, 4096, 33, 32] {
        fs::write(&path, &whole[..length]).unwrap();
        check(&home, unfit);
    }
    let longer = [&whole[..], &[0; 32]].concat();
    fs::write(&path, longer).unwrap();
    check(&home, unfit);
    for length in [31, 1, 0] {
        fs::write(&path, &whole[..length]).unwrap();
        check(&home, Some("it is too short"));
    }
    fs::write(&path, &whole).unwrap();
    check(&home, None);
}

#[test]
fn code_of_another_component_or_owner_is_compiled_anew() {
    let home = cold_home();
    deploy(&home, "nesting", &[]);
    deploy(&home, "bench", &[]);
    let ours = code_of(&home, "nesting");
    let other = code_of(&home, "bench");
    check(&home, None);
    let whole = fs::read(&ours).unwrap();
    fs::copy(&other, &ours).unwrap();
    check(&home, Some("its seal does not fit"));

    // Another owner has another key, so even good code of theirs is not taken.
    let key = home.path().join("cache/key");
    fs::write(&key, [7; 32]).unwrap();
    check(&home, Some("its seal does not fit"));
    assert_ne!(fs::read(&ours).unwrap(), whole);

    fs::remove_file(&key).unwrap();
    check(&home, Some("its seal does not fit"));
    assert_eq!(
        fs::metadata(&key).unwrap().permissions().mode() & 0o777,
        0o600
    );
}

#[test]
fn what_stands_in_the_place_of_code_is_not_used() {
    let home = cold_home();
    deploy(&home, "nesting", &[]);
    let path = code_of(&home, "nesting");
    check(&home, None);
    let replaced = |said: &str| {
        check(&home, Some(said));
        let meta = fs::symlink_metadata(&path).unwrap();
        assert!(meta.is_file());
        assert_eq!(meta.permissions().mode() & 0o777, 0o600);
    };

    mode(&path, 0o666);
    replaced("it belongs to another user, or others can write to it");

    let elsewhere = home.path().join("elsewhere");
    fs::rename(&path, &elsewhere).unwrap();
    std::os::unix::fs::symlink(&elsewhere, &path).unwrap();
    replaced("Too many levels of symbolic links (os error 40)");

    fs::remove_file(&path).unwrap();
    let made = std::process::Command::new("mkfifo").arg(&path).status();
    assert!(made.unwrap().success());
    replaced("it is no regular file");
}

fn mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// Nothing is kept where others could change it; the run is none the worse for that.
#[test]
fn a_cache_that_others_can_write_to_is_not_used() {
    let home = cold_home();
    deploy(&home, "nesting", &[]);
    let cache = home.path().join("cache");
    check(&home, None);
    let kept = code_of(&home, "nesting");
    fs::remove_file(&kept).unwrap();
    for open in [0o777, 0o770, 0o702] {
        mode(&cache, open);
        let ran = home.run(["run", "nest", "-p", "depth=0"]).ok();
        let said = format!(
            "no compiled code is kept in `{0}`: it belongs to another user, or others can write to it; `chmod go-w {0}` lets only you write to it",
            cache.display()
        );
        assert!(ran.stderr.contains(&said), "{ran}");
        assert_eq!(ran.stderr.matches(&said).count(), 1, "{ran}");
        assert!(!kept.exists());
    }
    mode(&cache, 0o700);
    check(&home, None);
    assert!(kept.exists());

    // The directory within it is no better.
    mode(kept.parent().unwrap(), 0o777);
    let ran = home.run(["run", "nest", "-p", "depth=0"]).ok();
    assert!(
        ran.stderr.contains("others can write to its directory"),
        "{ran}"
    );
}

#[test]
fn a_home_that_everybody_can_write_to_is_refused() {
    let home = cold_home();
    let _steady = steady(&home);
    deploy(&home, "nesting", &[]);
    mode(home.path(), 0o777);
    assert_cmd_snapshot!(home.cmd(["deployment", "ls"]), @r"
    success: false
    exit_code: 2
    ----- stdout -----

    ----- stderr -----
    error: everybody on this machine can write to the data directory `[HOME]`
    hint: `chmod 700 [HOME]`, or set `ORCH_HOME` to a new directory in it, which is made for you alone
    ");
    mode(home.path(), 0o700);
    home.run(["deployment", "ls"]).ok();
}
