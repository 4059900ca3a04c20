//! Journals that earlier versions have recorded. Every later version must replay them: a run
//! that waits for a year is taken up by whatever is installed then.
//!
//! `ORCH_GOLDEN=record` records the flows of the component `golden` that have no journal yet.
//! What is recorded is never recorded again.

use std::fs;
use std::path::{Path, PathBuf};

use model::{Digest, Entry, FlowRun, JOURNAL_FORM, RunId};
use serde::{Deserialize, Serialize};
use store::{Reading as _, Runs as _};
use store_sqlite::SqliteStore;
use test_support::{Home, eventually, guest};
use wasm::{Runtime, RuntimeConfig};
use worker::{Replayed, replay};

use super::{SOON, deploy, home, inspect, start, state, text, worker};

#[derive(Serialize, Deserialize)]
struct Golden {
    /// The form of the journal; the first one was not written down.
    #[serde(default = "first_form")]
    form: u32,
    run: FlowRun,
    journal: Vec<Entry>,
}

fn first_form() -> u32 {
    1
}

fn journals() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/golden")
}

#[tokio::test(flavor = "multi_thread")]
async fn journals_of_earlier_versions_still_replay() {
    if std::env::var("ORCH_GOLDEN").is_ok_and(|wish| wish == "record") {
        record().await;
    }
    let runtime = Runtime::new(RuntimeConfig::default()).unwrap();
    let bytes = fs::read(guest("golden")).unwrap();
    let manifest = runtime.describe(&bytes).await.unwrap();
    let fetch = || async { Ok((manifest, bytes.clone())) };
    let prepared = runtime.prepare(Digest::of(&bytes), fetch).await.unwrap();
    let mut count = 0;
    for file in fs::read_dir(journals()).unwrap() {
        let path = file.unwrap().path();
        let text = fs::read_to_string(&path).unwrap();
        let golden: Golden = serde_json::from_str(&text)
            .unwrap_or_else(|err| panic!("{} does not read: {err}", path.display()));
        assert!(golden.form <= JOURNAL_FORM, "{}", path.display());
        let expect = Replayed::Returned {
            calls: golden.journal.len() as u64,
            outcome: golden.run.outcome.clone().unwrap(),
        };
        let replayed = replay(&runtime, &prepared, golden.run, golden.journal).await;
        assert_eq!(replayed, expect, "{}", path.display());
        count += 1;
    }
    assert!(count >= 5, "{count} journals");
}

/// Gives a run what it asks for under the key `given`.
fn give(home: &Home, run: &str) {
    for input in inspect(home, run)["inputs"].as_array().unwrap() {
        if input["key"] == "given" {
            let asked_by = text(&input["flow_run"]);
            home.run(["flow-run", "resume", asked_by, "--input", "7"])
                .ok();
        }
    }
}

async fn record() {
    let home = home();
    deploy(&home, "golden", &[]);
    let _worker = worker(&home, &["--park", "0s"]);
    for flow in ["tasks", "runs", "concurrent", "outside", "inputs"] {
        let path = journals().join(format!("{flow}.json"));
        if path.exists() {
            continue;
        }
        let id = start(&home, flow, &[]);
        eventually(SOON, || {
            give(&home, &id);
            state(&home, &id) == "COMPLETED"
        });
        let id: RunId = id.parse().unwrap();
        let store = SqliteStore::open(home.path().join("orch.db")).unwrap();
        let golden = Golden {
            form: JOURNAL_FORM,
            run: store.flow_run(id).await.unwrap().unwrap(),
            journal: store.journal(id).await.unwrap(),
        };
        let text = serde_json::to_string_pretty(&golden).unwrap();
        fs::write(path, text + "\n").unwrap();
    }
}
