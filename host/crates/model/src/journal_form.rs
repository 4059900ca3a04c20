//! Holds the stored form of a journal: each kind of call, answer and settlement has an entry
//! in a file, and must be written exactly so and read back for ever.
//!
//! The file is never changed. A change that it does not allow is a new form, with a number, a
//! file and a way to read the old form.

use std::collections::BTreeSet;

use super::*;

/// What the form of [`JOURNAL_FORM`] is.
const HELD: &str = include_str!("journal_form_1.json");

/// The first word of a stored enum: `"timer"`, or `{"task": …}`.
fn kind(value: &serde_json::Value) -> String {
    match value {
        serde_json::Value::Object(fields) => fields.keys().next().cloned().unwrap_or_default(),
        other => other.as_str().unwrap_or_default().to_owned(),
    }
}

fn run(outcome: Option<Outcome>) -> RunSnapshot {
    let state = match &outcome {
        None => StateType::Running,
        Some(Ok(_)) => StateType::Completed,
        Some(Err(_)) => StateType::Failed,
    };
    RunSnapshot {
        id: "0199a213-16bb-7462-b7c6-159f7f59d0aa".parse().unwrap(),
        name: RunName::trusted("silver-otter"),
        flow: FlowName::trusted("etl"),
        deployment: "etl/nightly".parse().ok(),
        state,
        state_name: StateName::RUNNING,
        outcome,
    }
}

/// An entry of every kind, with every field set somewhere.
fn entries() -> Vec<Entry> {
    let json = |text: &str| Json::parse(text).unwrap();
    let failure = || Failure::new(FailureKind::Error, "no route");
    let task_run = || Answer::TaskRun {
        id: "0199a213-16bb-7462-b7c6-159f7f59d0ab".parse().unwrap(),
    };
    let options = TaskOptions {
        retries: Some(3),
        retry_delays_ms: vec![1_000, 2_000],
        retry_jitter: Some(0.5),
        timeout_ms: Some(60_000),
        task_run_name: Some("load-{n}".into()),
        tags: vec!["nightly".into()],
        limits: Vec::new(),
        cache: None,
    };
    let task = TaskCall {
        task: TaskName::trusted("load"),
        arguments: vec![
            ("a".into(), Argument::Value(json("1.10"))),
            ("b".into(), Argument::ResultOf(Seq(1))),
            ("c".into(), Argument::ResultsOf(vec![Seq(1), Seq(2)])),
        ],
        wait_for: vec![Seq(2)],
        options,
        scope: Some(Seq(5)),
    };
    let bare = TaskCall {
        task: TaskName::trusted("extract"),
        arguments: Vec::new(),
        wait_for: Vec::new(),
        options: TaskOptions::default(),
        scope: None,
    };
    let request = RunRequest {
        deployment: "etl/nightly".into(),
        parameters: json(r#"{"n":1}"#),
        flow_run_name: Some("first".into()),
        tags: vec!["nightly".into()],
        scheduled: Some(Timestamp(7)),
        idempotency_key: Some("key".into()),
        work_queue: Some("gpu".into()),
        as_subflow: true,
        scope: Some(Seq(5)),
    };
    let child = run(None).id;
    let input = Call::Input {
        key: "approval".into(),
        timeout_ms: Some(5),
        scope: Some(Seq(5)),
    };
    let asked = Answer::Input {
        id: "0199a213-16bb-7462-b7c6-159f7f59d0ac".parse().unwrap(),
        description: Some("May it go?".into()),
        schema: json(r#"{"type":"boolean"}"#),
        until: Some(Timestamp(9)),
    };
    let subflow = Call::Subflow {
        flow: FlowName::trusted("part"),
        parameters: json("{}"),
        scope: None,
    };
    let done = |value: &str| Some(Settlement::Task(Ok(json(value))));
    let listed = vec![
        (Call::Task(bare), task_run(), done("1.10")),
        (
            Call::Task(task),
            task_run(),
            Some(Settlement::Task(Err(failure()))),
        ),
        (
            Call::RunDeployment(request),
            Answer::Run { run: run(None) },
            Some(Settlement::Run(run(Some(Ok(json("7")))))),
        ),
        (Call::WatchRun { run: child }, Answer::Accepted, None),
        (subflow, Answer::Run { run: run(None) }, None),
        (
            Call::GetRun { run: child },
            Answer::Refused { failure: failure() },
            None,
        ),
        (input, asked, Some(Settlement::Input(Ok(json("true"))))),
        (
            Call::WithdrawInput { input: Seq(7) },
            Answer::Accepted,
            None,
        ),
        (
            Call::Timer { duration_ms: 5 },
            Answer::Due { at: Timestamp(9) },
            Some(Settlement::Timer),
        ),
        (
            Call::WaitAny,
            Answer::Settled {
                handles: vec![Seq(9), Seq(1)],
            },
            None,
        ),
        (Call::Cancelled { wait: 2 }, Answer::Accepted, None),
        (
            Call::EndSubflow {
                subflow: Seq(5),
                outcome: Err(failure()),
            },
            Answer::Accepted,
            None,
        ),
        (
            Call::GetVariable {
                name: VariableName::trusted("rate"),
            },
            Answer::Value {
                value: json("1.50"),
            },
            None,
        ),
        (
            Call::GetVariable {
                name: VariableName::trusted("missing"),
            },
            Answer::Nothing,
            None,
        ),
        (
            Call::Artifact {
                key: ArtifactKey::trusted("orders"),
                kind: ArtifactKind::Table,
                scope: Some(Seq(5)),
            },
            Answer::Accepted,
            None,
        ),
        (Call::CancelTask { task: Seq(2) }, Answer::Accepted, None),
        (
            Call::TakeSlots {
                limit: LimitName::trusted("db"),
                slots: 2,
                scope: Some(Seq(5)),
            },
            Answer::Accepted,
            Some(Settlement::Slots),
        ),
        (
            Call::GiveSlotsBack { taken: Seq(17) },
            Answer::Accepted,
            None,
        ),
    ];
    let entry = |(at, (call, answer, settlement)): (usize, (Call, Answer, Option<Settlement>))| {
        let seq = Seq(at as u64 + 1);
        Entry {
            seq,
            call,
            answer,
            at: Timestamp(seq.0 as i64),
            settled: settlement.map(|settlement| (Timestamp(100), settlement)),
            identity: (seq == Seq(1)).then(|| "00112233445566778899aabbccddeeff#0".to_owned()),
        }
    };
    listed.into_iter().enumerate().map(entry).collect()
}

#[test]
fn the_stored_form_is_what_its_file_holds() {
    let entries = entries();
    let written = serde_json::to_string_pretty(&entries).unwrap() + "\n";
    assert_eq!(written, HELD);
    assert_eq!(serde_json::from_str::<Vec<Entry>>(HELD).unwrap(), entries);
}

/// Whoever keeps values apart would miss a text that is not visited.
#[test]
fn every_json_text_is_visited() {
    for mut entry in entries() {
        let mut seen = Vec::new();
        entry.each_json(&mut |json| seen.push(json.to_string()));
        let mut place = 0;
        entry.each_json_mut(&mut |json| {
            assert_eq!(json.as_str(), seen[place], "in the same order");
            *json = Json::trusted(format!("\"visited {place}\""));
            place += 1;
        });
        assert_eq!(place, seen.len());
        let text = serde_json::to_string(&entry).unwrap();
        assert_eq!(text.matches("\"visited ").count(), place, "{text}");
        // Each field that holds what guests and people have made.
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        let fields = ["parameters", "schema", "Ok"];
        let mut unseen = vec![&value];
        while let Some(next) = unseen.pop() {
            let Some(members) = next.as_object() else {
                unseen.extend(next.as_array().into_iter().flatten());
                continue;
            };
            for (name, member) in members {
                let is_argument = name == "value" && members.len() == 1 && !member.is_object();
                if fields.contains(&name.as_str()) || is_argument {
                    let said = member.as_str().unwrap_or_default();
                    assert!(said.starts_with("visited "), "{name}: {member}");
                }
                unseen.push(member);
            }
        }
    }
}

/// A kind without an entry would not be held by the file.
#[test]
fn the_file_has_every_kind() {
    let held: Vec<serde_json::Value> = serde_json::from_str(HELD).unwrap();
    let kinds = |of: &dyn Fn(&serde_json::Value) -> String| -> BTreeSet<String> {
        held.iter()
            .map(of)
            .filter(|kind| !kind.is_empty())
            .collect()
    };
    // A new kind does not compile here until it is counted.
    let calls = entries().into_iter().map(|entry| match entry.call {
        Call::Task(_) => "task",
        Call::RunDeployment(_) => "run-deployment",
        Call::WatchRun { .. } => "watch-run",
        Call::GetRun { .. } => "get-run",
        Call::GetVariable { .. } => "get-variable",
        Call::Artifact { .. } => "artifact",
        Call::Subflow { .. } => "subflow",
        Call::EndSubflow { .. } => "end-subflow",
        Call::Timer { .. } => "timer",
        Call::Input { .. } => "input",
        Call::WithdrawInput { .. } => "withdraw-input",
        Call::TakeSlots { .. } => "take-slots",
        Call::GiveSlotsBack { .. } => "give-slots-back",
        Call::CancelTask { .. } => "cancel-task",
        Call::Cancelled { .. } => "cancelled",
        Call::WaitAny => "wait-any",
    });
    let calls: BTreeSet<String> = calls.map(str::to_owned).collect();
    assert_eq!(calls.len(), 16);
    assert_eq!(kinds(&|entry| kind(&entry["call"])), calls);
    let answers = [
        "accepted", "due", "input", "nothing", "refused", "run", "settled", "task-run", "value",
    ];
    let answers: BTreeSet<String> = answers.map(str::to_owned).into();
    assert_eq!(kinds(&|entry| kind(&entry["answer"])), answers);
    let settlements = ["input", "run", "slots", "task", "timer"];
    let settlements: BTreeSet<String> = settlements.map(str::to_owned).into();
    assert_eq!(kinds(&|entry| kind(&entry["settled"][1])), settlements);
}
