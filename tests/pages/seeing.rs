//! Each page, in each width, theme, and without a script: no error, nothing from elsewhere,
//! nothing that jumps or is wider than the window, no barrier.

use serde_json::json;
use test_support::guest;

use crate::browser::Look;
use crate::in_browser;
use crate::scene::Scene;

/// Has a task leave its result for other runs. Its id.
pub fn cached(scene: &Scene) -> String {
    let declares = guest("declares").display().to_string();
    let deploy = ["deploy", &declares, "--flow", "doubles-twice"];
    scene.home.run(deploy).ok();
    let run = scene.start("doubles-twice", json!({"n": 21}));
    scene.until(&run, "COMPLETED");
    let results = scene.server.get("/v1/cache");
    results["items"][0]["id"].as_str().unwrap().to_owned()
}

/// A home where every page has something to show.
fn lively() -> (Scene, Vec<(&'static str, String)>) {
    let scene = Scene::with(&["forms", "inputs", "kept", "retries"]);
    let done = scene.start("says-things", json!({}));
    scene.until(&done, "COMPLETED");
    let failed = scene.start("fails", json!({}));
    scene.until(&failed, "FAILED");
    let parent = scene.start("joined", json!({}));
    scene.until(&parent, "COMPLETED");
    let crowd = scene.start("crowd", json!({"n": 12, "delay_ms": 50}));
    scene.until(&crowd, "COMPLETED");
    let shown = scene.start("show", json!({"day": "Monday"}));
    scene.until(&shown, "WAITING");
    let asking = scene.start("release", json!({"version": "1.4"}));
    scene.until(&asking, "WAITING");
    let tasks = scene.server.get(&format!("/v1/task-runs?flow_run={done}"));
    let task = tasks["items"][0]["id"].as_str().unwrap().to_owned();
    // None of them is paused: all are left alone, and the page says why.
    let resume = json!({"action": "resume", "filter": {"state": ["COMPLETED"]}});
    let action = scene.server.post("/v1/bulk-actions", &resume);
    let action = action["id"].as_str().unwrap().to_owned();
    let cached = cached(&scene);
    let schedule = ["schedule", "create", "joined"];
    for more in [
        &["--cron", "0 9 * * 1-5", "--timezone", "Europe/Berlin"][..],
        &["--name", "often", "--interval", "15m", "--overlap", "skip"],
    ] {
        scene.home.run([&schedule, more].concat()).ok();
    }
    for command in [
        "limit create database --slots 5",
        "limit create shop-api --slots 100 --per 1m",
        "work-queue create urgent --priority 1 --limit 3",
        "prune set --older-than 30d --keep-failed",
    ] {
        scene.home.run(command.split(' ')).ok();
    }
    let pages = vec![
        ("dashboard", "/".to_owned()),
        ("runs", "/flow-runs".to_owned()),
        (
            "runs-failed",
            "/flow-runs?state=FAILED&since=2020-01-01T00%3A00%3A00Z".to_owned(),
        ),
        ("runs-none", "/flow-runs?flow=nothing".to_owned()),
        ("runs-wrong", "/flow-runs?state=DONE".to_owned()),
        ("run-done", format!("/flow-runs/{done}")),
        ("timeline-group", format!("/flow-runs/{crowd}?open=1")),
        (
            "timeline-critical",
            format!("/flow-runs/{parent}?show=critical&fold=false"),
        ),
        ("timeline-table", format!("/flow-runs/{crowd}?as=table")),
        ("run-logs", format!("/flow-runs/{done}?tab=logs")),
        (
            "run-logs-wrong",
            format!("/flow-runs/{done}?tab=logs&level=LOUD"),
        ),
        ("run-tasks", format!("/flow-runs/{done}?tab=tasks")),
        ("run-children", format!("/flow-runs/{parent}?tab=children")),
        ("run-journal", format!("/flow-runs/{parent}?tab=journal")),
        ("run-values", format!("/flow-runs/{parent}?tab=values")),
        ("run-history", format!("/flow-runs/{failed}?tab=history")),
        ("run-failed", format!("/flow-runs/{failed}")),
        ("run-asking", format!("/flow-runs/{asking}")),
        ("run-cancel", format!("/flow-runs/{asking}/cancel")),
        ("task", format!("/task-runs/{task}")),
        ("deployments", "/deployments".to_owned()),
        (
            "deployment",
            "/deployments/parameters/parameters-deployment".to_owned(),
        ),
        (
            "run-form",
            "/deployments/parameters/parameters-deployment/run".to_owned(),
        ),
        ("components", "/components".to_owned()),
        ("upload", "/components/new".to_owned()),
        ("pools", "/work-pools".to_owned()),
        ("pool", "/work-pools/default-pool".to_owned()),
        (
            "queue-edit",
            "/work-pools/default-pool/queues/default/edit".to_owned(),
        ),
        ("queue-new", "/work-pools/default-pool/new-queue".to_owned()),
        ("schedules", "/schedules".to_owned()),
        (
            "deployment-scheduled",
            "/deployments/joined/joined-deployment".to_owned(),
        ),
        (
            "schedule-new",
            "/deployments/joined/joined-deployment/new-schedule".to_owned(),
        ),
        ("limits", "/limits".to_owned()),
        ("limit", "/limits/database".to_owned()),
        ("limit-new", "/new-limit".to_owned()),
        ("limit-edit", "/limits/database/edit".to_owned()),
        ("prune-rule", "/prune-rule".to_owned()),
        ("cache", "/cache".to_owned()),
        ("cache-of-task", "/cache?task=doubles".to_owned()),
        ("cache-wrong", "/cache?task=a%2Fb".to_owned()),
        ("cached", format!("/cache/{cached}")),
        ("cached-clear", format!("/cache/{cached}/clear")),
        ("events", "/events".to_owned()),
        (
            "events-of-run",
            format!("/events?type=task-run&run={failed}"),
        ),
        ("events-wrong", "/events?type=nothing&run=nobody".to_owned()),
        ("bulk-actions", "/bulk-actions".to_owned()),
        ("bulk-action", format!("/bulk-actions/{action}")),
        ("audit", "/audit".to_owned()),
        ("artifacts", "/artifacts".to_owned()),
        ("artifact-versions", "/artifacts?key=report".to_owned()),
        ("artifact-markdown", "/artifacts/report".to_owned()),
        ("artifact-table", "/artifacts/orders".to_owned()),
        ("artifact-progress", "/artifacts/report-done".to_owned()),
        ("artifact-link", "/artifacts/shop".to_owned()),
        ("run-artifacts", format!("/flow-runs/{shown}?tab=artifacts")),
        ("variables", "/variables".to_owned()),
        ("secrets", "/secrets".to_owned()),
        ("audit-none", "/audit?who=nobody".to_owned()),
        ("settings", "/settings".to_owned()),
    ];
    (scene, pages)
}

#[test]
fn every_page_is_sound_in_every_look() {
    let (scene, pages) = lively();
    let mut faults = Vec::new();
    for look in Look::ALL {
        in_browser(&scene, look, async |browser| {
            for (name, path) in &pages {
                browser.go(path).await;
                let name = format!("{name}-{}", look.name());
                browser.picture(&name).await;
                let found = browser.faults(look).await;
                faults.extend(found.into_iter().map(|fault| format!("{name}: {fault}")));
            }
        });
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}
