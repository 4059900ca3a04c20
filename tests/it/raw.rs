//! Guests without the SDK: whatever they hand over or ask for, each field has a limit, each call
//! of the host has its price, and nobody else notices.

use std::fs;
use std::path::PathBuf;

use serde_json::Value;
use test_support::{Home, Ran, Worker, eventually, guest};
use wasm::{FIELDS, Field, FieldLimit, Limits, MANIFEST_BYTES_MAX};

use super::{SOON, deploy, flow_runs, home, inspect, start, watch, worker};

/// The raw guest, which describes itself as it is ordered.
fn ordered(home: &Home, order: &str) -> PathBuf {
    let mut bytes = fs::read(guest("raw")).unwrap();
    let place = b"ORDER:      ";
    let at = bytes.windows(place.len()).position(|part| part == place);
    let at = at.unwrap() + "ORDER:".len();
    bytes[at..at + order.len()].copy_from_slice(order.as_bytes());
    let path = home.path().join("ordered.wasm");
    fs::write(&path, bytes).unwrap();
    path
}

#[track_caller]
fn described(home: &Home, order: &str) -> Ran {
    let path = ordered(home, order);
    home.run(["component", "inspect", path.to_str().unwrap()])
}

/// The largest size that a field may have.
fn limit_of(field: &Field) -> u64 {
    match field.limit {
        FieldLimit::Bytes(max) | FieldLimit::Cut(max) | FieldLimit::Items(max) => max as u64,
        FieldLimit::Payload => Limits::default().payload_max as u64,
        FieldLimit::Number(max) => max,
        FieldLimit::Fraction(max) => max as u64,
    }
}

/// A run that hands over a field of this size.
fn handed_over(home: &Home, field: &Field, size: u64) -> String {
    let (path, size) = (format!("field={}", field.path), format!("size={size}"));
    start(home, "raw", &["-p", &path, "-p", &size])
}

fn with_raw(limits: &[&str]) -> (Home, Worker) {
    let home = home();
    deploy(&home, "raw", &[]);
    let worker = worker(&home, limits);
    (home, worker)
}

fn message(run: &Value) -> &str {
    run["failure"]["message"].as_str().unwrap_or_default()
}

/// Values are not asked for: some of them are large.
#[track_caller]
fn wait_for_all(home: &Home) {
    let going_on = [
        "-s",
        "SCHEDULED",
        "-s",
        "PENDING",
        "-s",
        "RUNNING",
        "-s",
        "WAITING",
    ];
    let going_on = [&["flow-run", "ls"][..], &going_on].concat();
    eventually(SOON, || home.run(&going_on).ok().stdout.is_empty());
}

/// The task is not tried again: it would return the same.
#[test]
fn a_result_that_its_component_has_not_promised_is_a_failure() {
    let home = home();
    let path = ordered(&home, "promises");
    home.run(["deploy", path.to_str().unwrap()]).ok();
    let _worker = worker(&home, &[]);
    let check = |flow: &str, parameters: &[&str], expect: &str| {
        let parameters = parameters.iter().flat_map(|parameter| ["-p", parameter]);
        let id = start(&home, flow, &parameters.collect::<Vec<_>>());
        home.run(["flow-run", "watch", &id]);
        let run = inspect(&home, &id);
        assert_eq!(run["failure"]["kind"], "invalid", "{run}");
        assert_eq!(message(&run), expect);
    };
    check(
        "nothing",
        &[],
        "the result does not fit its schema: the value is `null`: null is not \
         of type \"number\" (schema: `/type`)",
    );
    check(
        "raw",
        &["each=do-nothing", "count=1", "size=0"],
        "task `raw-task-0` failed: the result does not fit its schema: the value is `0`: 0 is not of type \
         \"string\" (schema: `/type`)",
    );
    check(
        "raw",
        &["field=subflows.end.outcome", "size=4"],
        "the result does not fit its schema: the value is `\"xx\"`: \"xx\" is not \
         of type \"number\" (schema: `/type`)",
    );
}

/// Every field of every call, as large as it may be, and one larger.
#[test]
fn each_field_of_a_call_has_a_limit() {
    let (home, worker) = with_raw(&["--calls-limit", "1000"]);
    let calls = FIELDS.iter().filter(|field| {
        let is_kept = !matches!(field.limit, FieldLimit::Cut(_));
        is_kept && !field.path.starts_with("guest.")
    });
    let mut sent = Vec::new();
    for field in calls {
        let max = limit_of(field);
        sent.push((
            field,
            handed_over(&home, field, max),
            handed_over(&home, field, max + 1),
        ));
        // Many that are so large would only wait for each other.
        if matches!(field.limit, FieldLimit::Payload) {
            wait_for_all(&home);
        }
    }
    assert!(sent.len() > 25, "{}", sent.len());
    wait_for_all(&home);
    for (field, fits, larger) in sent {
        let (fits, larger) = (inspect(&home, &fits), inspect(&home, &larger));
        let refused = ["is", "has"].map(|verb| format!("{} {verb} ", field.name));
        let refused = refused.iter().any(|said| message(&fits).contains(said));
        assert!(!refused, "{field:?}: {}", message(&fits));
        assert!(
            !message(&fits).contains("no call has the field"),
            "{field:?}"
        );
        assert_eq!(larger["state"]["type"], "FAILED", "{field:?}: {larger}");
        let said = match field.limit {
            FieldLimit::Payload => "bytes; the limit on a JSON text is 33554432 bytes",
            _ => field.name,
        };
        assert!(
            message(&larger).contains(said),
            "{field:?}: {}",
            message(&larger)
        );
        assert!(message(&larger).len() < 1000, "{field:?}");
    }
    assert!(!worker.has_ended());
}

/// What people read is cut, and says so.
#[test]
fn a_field_that_people_read_is_cut() {
    let (home, _worker) = with_raw(&[]);
    for field in FIELDS {
        let FieldLimit::Cut(max) = field.limit else {
            continue;
        };
        let path = format!("field={}", field.path);
        let kept = |size: usize| {
            let run = start(&home, "raw", &["-p", &path, "-p", &format!("size={size}")]);
            wait_for_all(&home);
            let logs = home.run(["flow-run", "logs", &run, "-o", "json"]).ok();
            let all = format!("{} {}", logs.stdout, inspect(&home, &run));
            let longest = all.split(|c| c != 'x').map(str::len).max().unwrap();
            (longest, all.contains("x…"))
        };
        assert_eq!(kept(max), (max, false), "{field:?}");
        assert_eq!(kept(max + 1), (max, true), "{field:?}");
    }
}

/// Every field of the description of a component.
#[test]
fn each_field_of_a_manifest_has_a_limit() {
    let home = home();
    let described_by = |field: &Field| {
        let path = field.path.strip_prefix("guest.")?;
        let is_result = path.starts_with("run-");
        (!is_result).then(|| path.to_owned())
    };
    let mut count = 0;
    for field in FIELDS {
        let Some(path) = described_by(field) else {
            continue;
        };
        count += 1;
        let max = limit_of(field);
        described(&home, &format!("{path} {max}")).ok();
        let ran = described(&home, &format!("{path} {}", max + 1)).fails(2);
        assert!(ran.stderr.contains(field.name), "{field:?}: {}", ran.stderr);
        assert!(ran.stderr.len() < 2000, "{field:?}: {}", ran.stderr);
        assert!(ran.stderr.contains("hint: "), "{field:?}: {}", ran.stderr);
    }
    assert!(count > 12, "{count}");
    // The options of a task are the same in a manifest.
    for (option, size) in [("retry-jitter", 101), ("tags", 101), ("task-run-name", 201)] {
        described(&home, &format!("task-options.{option} {size}")).fails(2);
    }
    let whole = format!("all-parts {}", 2 * MANIFEST_BYTES_MAX);
    let ran = described(&home, &whole).fails(2);
    let said = "handed over too much in one call; the limit is 8.00 MiB";
    assert!(ran.stderr.contains(said), "{}", ran.stderr);
}

#[test]
fn a_schema_that_makes_too_much_work_is_not_deployed() {
    let home = home();
    #[track_caller]
    fn refused(home: &Home, order: &str, said: &str) {
        let path = ordered(home, &format!("schema.{order}"));
        let ran = home.run(["deploy", path.to_str().unwrap()]).fails(2);
        assert!(ran.stderr.contains(said), "{order}: {}", ran.stderr);
    }
    refused(&home, "deep 65", "nested deeper than 64 levels");
    refused(&home, "references 2001", "more than 2000 references");
    refused(&home, "circle 0", "refers to itself for the same value");
    refused(&home, "outside 0", "`file:///etc/passwd` leads out of it");
    refused(&home, "big-pattern 0", "its pattern `^((a{1,500}");
}

/// Its parameters would be checked for years. Who starts a run of it is told so: a person, and
/// a flow, whose worker goes on with everything else.
#[test]
fn a_check_that_would_not_end_is_not_made() {
    let home = home();
    deploy(&home, "bench", &[]);
    let too_long = "its check takes too long: the limit is 10000000 steps";
    for order in ["schema.doubling 34", "schema.doubling-at-the-root 34"] {
        let path = ordered(&home, order);
        let deployed = home.run(["deploy", path.to_str().unwrap(), "--flow", "nothing"]);
        if order.contains("root") {
            // Its own defaults cannot be checked.
            let ran = deployed.fails(2);
            assert!(ran.stderr.contains(too_long), "{}", ran.stderr);
            continue;
        }
        deployed.ok();
        let ran = home
            .run(["deployment", "run", "nothing", "-p", "x={}"])
            .fails(2);
        assert!(ran.stderr.contains(too_long), "{}", ran.stderr);
    }
    let _worker = worker(&home, &[]);
    deploy(&home, "forms", &[]);
    watch(&home, "three-tasks", &[]).ok();
}

/// Each of these tricks, for ever, beside others that it must not keep waiting.
const ENDLESS: [&str; 11] = [
    "ask-what-settled",
    "ask-what-was-given",
    "wait-for-nothing",
    "wait-for-the-unknown",
    "submit-the-unknown",
    "watch-the-unknown",
    "read-the-unknown",
    "withdraw-the-unknown",
    "end-the-unknown",
    "read-the-context",
    "wait-for-the-same",
];

#[test]
fn calls_that_lead_to_nothing_are_counted() {
    let (home, worker) = with_raw(&["--compute-limit", "1s", "--calls-limit", "100000"]);
    deploy(&home, "bench", &[]);
    let mut tricks = Vec::new();
    for trick in ENDLESS {
        let flow = start(&home, "raw", &["-p", &format!("trick={trick}")]);
        tricks.push((trick, flow));
        for _ in 0..4 {
            start(&home, "three-tasks", &[]);
        }
    }
    wait_for_all(&home);
    let computed = "computed for 1s without a pause";
    let called = "made too many calls";
    for (trick, run) in tricks {
        let run = inspect(&home, &run);
        assert_eq!(run["state"]["type"], "FAILED", "{trick}: {run}");
        let said = message(&run);
        assert!(
            said.contains(computed) || said.contains(called),
            "{trick}: {said}"
        );
    }
    let others = flow_runs(&home, &["--flow", "three-tasks"]);
    assert!(others.iter().all(|run| run["state"]["type"] == "COMPLETED"));
    assert!(!worker.has_ended());
}

#[test]
fn what_is_handed_over_at_once_is_bounded() {
    let (home, worker) = with_raw(&[]);
    #[track_caller]
    fn check(home: &Home, trick: &str, size: u64, said: &str) {
        let (trick, size) = (format!("trick={trick}"), format!("size={size}"));
        let run = start(home, "raw", &["-p", &trick, "-p", &size]);
        wait_for_all(home);
        let run = inspect(home, &run);
        assert_eq!(run["state"]["type"], "FAILED", "{trick}");
        assert!(message(&run).contains(said), "{trick}: {}", message(&run));
        assert!(message(&run).len() < 500, "{trick}: {}", message(&run));
    }
    let at_once = "handed over too much in one call; the limit is 65.00 MiB";
    check(&home, "hand-over-much", 70 << 20, at_once);
    check(&home, "name-much-often", 70 << 20, at_once);
    check(
        &home,
        "name-much-often",
        1 << 20,
        "the name of a task is 1.00 MiB; the limit is 200 bytes",
    );
    check(
        &home,
        "jitter",
        0,
        "the retry jitter is NaN; it must be from 0 to 100",
    );
    let flooded = "logged too much; the limit on the log of one execution is";
    check(&home, "log-targets", 1000, flooded);
    let peak = worker.kilobytes("VmHWM") >> 10;
    assert!(peak < 400, "{peak} MiB");
    let database = fs::metadata(home.path().join("orch.db")).unwrap().len();
    assert!(database < 60 << 20, "{database} bytes");
}
