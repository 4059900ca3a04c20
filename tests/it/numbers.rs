//! Numbers arrive as they were written: an `f64` keeps its bits on every way through flows,
//! tasks and the journal, and a number that a person wrote keeps its digits.

use std::fs;

use serde_json::{Value, json};

use super::inputs::{give, start_suspended};
use super::{deploy, home, inspect, list, start, wait_until, watch, worker};

/// `count` different `f64` that JSON can hold, the same each time: short and long ones of
/// everyday size, and any bits.
fn some_numbers(count: u64) -> Vec<f64> {
    let mut state = 7_u64;
    let mut random = || {
        // SplitMix64
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    };
    let number = |kind: u64| match kind % 3 {
        0 => (random() % 10_000_000) as f64 / 100.0,
        1 => (random() >> 11) as f64 / (1_u64 << 53) as f64 * 1e3,
        _ => f64::from_bits(random()),
    };
    let numbers = (0..count).map(number).filter(|number| number.is_finite());
    numbers
        .chain([0.0, -0.0, f64::MIN_POSITIVE, f64::MAX, 5e-324, 0.1 + 0.2])
        .collect()
}

fn bits(numbers: &[f64]) -> Vec<u64> {
    numbers.iter().map(|number| number.to_bits()).collect()
}

#[test]
fn an_f64_keeps_its_bits_wherever_it_is_sent() {
    let home = home();
    let numbers = some_numbers(6000);
    assert!(numbers.len() > 5000, "{}", numbers.len());
    deploy(&home, "inputs", &[]);
    let _worker = worker(&home, &[]);

    let file = home.path().join("parameters.json");
    let parameters = json!({"numbers": numbers, "bits": bits(&numbers)});
    fs::write(&file, parameters.to_string()).unwrap();
    let run = start_suspended(
        &home,
        "sends-numbers",
        &["--params", &format!("@{}", file.display())],
    );
    let file = home.path().join("input.json");
    fs::write(&file, json!(numbers).to_string()).unwrap();
    give(&home, &run, &format!("@{}", file.display()));
    wait_until(&home, &run, "COMPLETED");

    for member in [
        &inspect(&home, &run)["result"],
        &inspect(&home, &run)["parameters"]["numbers"],
    ] {
        let read: Vec<f64> = serde_json::from_value(member.clone()).unwrap();
        assert_eq!(bits(&read), bits(&numbers));
    }
}

/// The file of a bulk start, one default of the deployment, and the parameters of one run.
#[test]
fn a_number_keeps_the_digits_that_a_person_wrote() {
    let home = home();
    let digits = "[1.10,12345678901234567890123,1E5,-0.0,-0,0.10000000000000000555]";
    let spaced = digits.replace(',', " , ");
    let numbers = format!("numbers={spaced}");
    deploy(
        &home,
        "inputs",
        &["--flow", "returns-numbers", "-p", &numbers],
    );
    let shown = home
        .run(["deployment", "inspect", "returns-numbers", "-o", "json"])
        .ok();
    assert!(shown.stdout.contains(digits), "{shown}");

    let lines = home.path().join("lines");
    fs::write(&lines, format!("{{\"numbers\": {spaced}}}\n")).unwrap();
    let lines = lines.display().to_string();
    for more in [
        // The deployment's default, typed, both, and from a file.
        vec!["-p", "bits=[]"],
        vec!["-p", "bits=[]", "-p", &numbers],
        vec![
            "--params",
            &format!("{{\"bits\": [], \"numbers\": {spaced}}}"),
        ],
        vec!["-p", "bits=[]", "--from-file", &lines],
    ] {
        let run = start(&home, "returns-numbers", &more);
        let shown = home.run(["flow-run", "inspect", &run, "-o", "json"]).ok();
        assert!(shown.stdout.contains(digits), "{more:?}: {shown}");
        assert_eq!(inspect(&home, &run)["parameters"]["bits"], json!([]));
    }

    // What no `f64` can hold is refused.
    let refused = watch(
        &home,
        "returns-numbers",
        &["-p", "bits=[]", "-p", "numbers=[1e400]"],
    );
    refused.fails(2);
}

/// JSON has no NaN and no infinity. Whoever sends one is told so, with the place of it, and
/// nothing else takes its place: a `null` would be another value.
#[test]
fn what_is_no_number_of_json_is_sent_nowhere() {
    let home = home();
    deploy(&home, "inputs", &["--flow", "sends-readings"]);
    let _worker = worker(&home, &[]);
    for (number, way, place) in [
        ("NaN", "the flow's result", "[1].value"),
        ("inf", "a task's result", "[1].value"),
        ("-inf", "a task's argument", "[1].value"),
        ("NaN", "a parameter", "[1].value"),
        ("inf", "parameters", "numbers[1].value"),
        ("-inf", "a table", "[1].value"),
    ] {
        let way_given = format!("way={way}");
        let given = ["-p", &format!("number={number}"), "-p", &way_given];
        let failed = watch(&home, "sends-readings", &given).fails(1);
        let said = format!("`{place}` is {number}, which JSON has no number for");
        assert!(failed.stderr.contains(&said), "{way}: {failed}");
    }
    // What a task computes may be another number at its next attempt.
    let tasks = list(&home, &["task-run", "ls", "--limit", "0"]);
    let read = tasks.iter().filter(|task| task["task"] == "read");
    let attempts: Vec<&Value> = read.map(|task| &task["attempt"]).collect();
    assert_eq!(attempts, [&json!(4)], "{tasks:?}");

    let ran = watch(
        &home,
        "sends-readings",
        &["-p", "number=1e308", "-p", "way=a task's result"],
    );
    assert_eq!(ran.ok().json()[1]["value"], json!(1e308));
}
