//! Every guest is used by a story: a guest that no story names would test nothing.

use std::fs;
use std::path::Path;

#[test]
fn every_guest_is_in_a_story() {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests");
    let stories = stories_in(&tests.join("it"));
    for guest in fs::read_dir(tests.join("guests")).unwrap() {
        let name = guest.unwrap().file_name().into_string().unwrap();
        let named = stories.contains(&format!("\"{name}\""));
        assert!(named, "no story deploys tests/guests/{name}");
    }
}

/// The text of all stories in a directory, and in those within it.
fn stories_in(dir: &Path) -> String {
    let text_of = |path: &Path| {
        if path.is_dir() {
            stories_in(path)
        } else {
            fs::read_to_string(path).unwrap()
        }
    };
    let entries = fs::read_dir(dir).unwrap();
    entries
        .map(|entry| text_of(&entry.unwrap().path()))
        .collect()
}

/// In the chapter on mischief each flow stands by name.
#[test]
fn every_mischief_is_in_a_story() {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests");
    let home = super::home();
    super::deploy(&home, "mischief", &[]);
    let stories = ["mischief.rs", "peeking.rs"]
        .map(|file| fs::read_to_string(tests.join("it").join(file)).unwrap())
        .concat();
    for deployment in super::list(&home, &["deployment", "ls"]) {
        let name = super::text(&deployment["name"]);
        let flow = name.split('/').next().unwrap();
        assert!(
            stories.contains(&format!("\"{flow}\"")),
            "no story runs `{flow}`"
        );
    }
}
