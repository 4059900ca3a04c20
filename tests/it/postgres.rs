//! The same stories on PostgreSQL: the program behaves alike, whatever its database.

use std::process::Command;

/// Set for the stories that are told again.
const MEANT: &str = "ORCH_STORIES_ON_POSTGRES";

/// The chapters that are told again: what the store has most to do with.
const CHAPTERS: [&str; 16] = [
    "acknowledged",
    "bulk",
    "cancelling",
    "chaos",
    "deleting",
    "example",
    "inheriting",
    "inputs",
    "listings",
    "pausing",
    "retries",
    "retries_waiting",
    "retrying",
    "stopping",
    "streams",
    "survival",
];

/// A story that looks into the file of the other engine.
const OF_SQLITE: &str =
    "survival::a_flow_that_asks_for_something_else_than_its_journal_holds_fails";

/// Whether homes have databases of PostgreSQL.
pub fn is_meant() -> bool {
    std::env::var_os(MEANT).is_some()
}

#[test]
fn the_stories_are_the_same_on_postgresql() {
    if is_meant() || test_support::database().is_none() {
        return;
    }
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.env(MEANT, "yes");
    command.args(CHAPTERS.map(|chapter| format!("{chapter}::")));
    command.args(["--skip", OF_SQLITE]);
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}\n{errors}");
    assert!(said.contains("test result: ok."), "{said}");
}
