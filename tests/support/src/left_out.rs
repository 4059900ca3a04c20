//! Stories that need what is not installed.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::sync::{Mutex, PoisonError};

static SAID: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

/// Says, once of a test program and past the capture of a test's output, that stories were not
/// run. Where all is to be tested (`CI` is set), it fails the test instead.
#[track_caller]
pub fn left_out(what: &str, install: &str) {
    assert!(
        std::env::var_os("CI").is_none(),
        "what is needed for {what} is not installed: {install} does it"
    );
    let mut said = SAID.lock().unwrap_or_else(PoisonError::into_inner);
    if said.insert(what.to_owned()) {
        let _ = writeln!(
            std::io::stderr(),
            "left out: {what}; {install} installs what they need"
        );
    }
}
