//! One command for several runs: those that are named, or all that a filter lets through.

use test_support::Home;

use super::{deploy, flow_runs, home, start, state, text};

/// A home with three runs of `empty` and two of `sleeper`, none of which has begun. Their ids.
fn five() -> (Home, [String; 5]) {
    let home = home();
    deploy(&home, "bench", &[]);
    let empty = || start(&home, "empty", &[]);
    let sleeper = || start(&home, "sleeper", &["-p", "ms=1"]);
    let ids = [empty(), empty(), empty(), sleeper(), sleeper()];
    (home, ids)
}

fn states(home: &Home, ids: &[String; 5]) -> [String; 5] {
    ids.clone().map(|id| state(home, &id))
}

const S: &str = "SCHEDULED";
const C: &str = "CANCELLED";
const P: &str = "PAUSED";

#[test]
fn several_runs_are_named_and_all_are_found_before_any_is_changed() {
    let (home, ids) = five();
    let [a, b, ..] = &ids;
    let refused = home.run(["flow-run", "cancel", a, "nobody", b]).fails(2);
    assert!(refused.stderr.contains("`nobody`"), "{refused}");
    assert_eq!(states(&home, &ids), [S; 5]);
    let done = home.run(["flow-run", "cancel", a, b, a]).ok();
    assert!(done.stderr.ends_with("Cancelled 2 flow runs\n"), "{done}");
    assert_eq!(states(&home, &ids), [C, C, S, S, S]);
}

#[test]
fn a_filter_is_shown_asked_for_and_carried_out() {
    let (home, ids) = five();
    let filter = ["flow-run", "cancel", "--flow", "empty"];
    let shown = home.run([&filter[..], &["--dry-run"]].concat()).ok();
    assert_eq!(shown.stdout.lines().count(), 4, "{shown}");
    assert!(
        shown
            .stderr
            .contains("without `--dry-run` this would cancel 3 flow runs"),
        "{shown}"
    );
    // Nobody is there to be asked.
    let refused = home.run(filter).fails(2);
    assert_eq!(
        refused.stderr,
        "error: this would cancel 3 flow runs\n\
         hint: `--yes` does it, `--dry-run` shows which they are\n"
    );
    assert_eq!(states(&home, &ids), [S; 5]);
    home.run([&filter[..], &["--yes"]].concat()).ok();
    assert_eq!(states(&home, &ids), [C, C, C, S, S]);
    // What is done already is not meant.
    let none = home.run([&filter[..], &["--yes"]].concat()).ok();
    assert_eq!(none.stderr, "There are no such flow runs\n");
}

#[test]
fn whatever_can_be_done_to_one_can_be_done_to_many() {
    let (home, ids) = five();
    let all = |verb: &str, more: &[&str]| {
        let args = [&["flow-run", verb, "--since", "1h", "--yes"], more].concat();
        home.run(args).ok()
    };
    all("pause", &["--flow", "sleeper"]);
    assert_eq!(states(&home, &ids), [S, S, S, P, P]);
    all("resume", &[]);
    assert_eq!(states(&home, &ids), [S; 5]);
    all("cancel", &[]);
    assert_eq!(states(&home, &ids), [C; 5]);
    all("retry", &["--flow", "sleeper"]);
    assert_eq!(states(&home, &ids), [C, C, C, S, S]);
    let deleted = all("delete", &["-o", "json"]);
    assert_eq!(deleted.json().as_array().unwrap().len(), 3);
    let left = flow_runs(&home, &[]);
    let mut left: Vec<&str> = left.iter().map(|run| text(&run["flow"])).collect();
    left.dedup();
    assert_eq!(left, ["sleeper"]);
}

#[test]
fn what_is_refused_of_several_is_told_and_the_others_are_done() {
    let (home, ids) = five();
    let [a, b, c, ..] = &ids;
    home.run(["flow-run", "cancel", b]).ok();
    let done = home.run(["flow-run", "pause", a, b, c]).fails(1);
    assert!(done.stderr.contains("is left as it is"), "{done}");
    assert!(
        done.stderr
            .ends_with("Paused 2 flow runs; one was left as it is\n"),
        "{done}"
    );
    assert_eq!(states(&home, &ids), [P, C, P, S, S]);
}

#[test]
fn a_command_for_many_needs_runs_or_a_filter_and_not_both() {
    let (home, ids) = five();
    for verb in ["cancel", "pause", "resume", "retry", "delete"] {
        let nothing = home.run(["flow-run", verb]).fails(2);
        assert!(
            nothing
                .stderr
                .contains("neither runs nor a filter is given"),
            "{nothing}"
        );
        assert!(nothing.stderr.contains("hint: "), "{nothing}");
        let both = home
            .run(["flow-run", verb, &ids[0], "--flow", "empty"])
            .fails(2);
        assert!(
            both.stderr.contains("both runs and a filter are given"),
            "{both}"
        );
    }
    assert_eq!(states(&home, &ids), [S; 5]);
}
