//! What people do with pages: start a run from the form, watch it, give it what it asks for,
//! try again, cancel.

use serde_json::json;

use crate::browser::Look;
use crate::in_browser;
use crate::scene::Scene;

/// The word beside the name of a run.
const STATE: &str = ".facts .state";

#[test]
fn a_run_is_started_from_the_form_and_watched_to_its_end() {
    let scene = Scene::with(&["inputs"]);
    in_browser(&scene, Look::WIDE, async |browser| {
        browser.go("/deployments/release/release-deployment").await;
        browser.click("a[href$='/run']").await;
        // A form that does not fit says so at the field, and keeps what was typed.
        browser.fill("input[name=':tags']", "by-hand, second").await;
        browser.click("form.form button.primary").await;
        browser.until("to mend").await;
        browser.find("[aria-invalid=true]").await;
        browser.fill("input[name='/version:value']", "1.4").await;
        browser.click("form.form button.primary").await;
        browser.until("is on its way").await;
        let run = browser.path().await;
        browser.until("Needs input").await;
        // What was said stays while the page follows its run, and is not said again.
        let said = "document.querySelector('#said')?.textContent ?? ''";
        let text = browser.eval(&format!("return {said}")).await;
        assert!(text.as_str().unwrap().contains("is on its way"), "{text}");
        browser.go(&run).await;
        assert_eq!(browser.eval(&format!("return {said}")).await, json!(""));
        // It asks, and goes on once it is told.
        browser.click("a.primary[href*='/inputs/']").await;
        browser.until("Release 1.4?").await;
        browser.picture("input-form-1280-light").await;
        browser
            .give("form.form", r#"{"approved": true, "note": "go"}"#)
            .await;
        browser.until("Gave input").await;
        browser.until_in(STATE, "Completed").await;
        assert!(browser.path().await.starts_with(&run));
    });
}

#[test]
fn a_page_follows_its_run_without_being_loaded_again() {
    let scene = Scene::with(&["inputs"]);
    let run = scene.start("release", json!({"version": "7"}));
    scene.until(&run, "WAITING");
    in_browser(&scene, Look::WIDE, async |browser| {
        browser.go(&format!("/flow-runs/{run}")).await;
        browser.until_in(STATE, "Suspended").await;
        browser.eval("window.__same = true").await;
        let path = format!("/v1/flow-runs/{run}/inputs/approval");
        let value = json!({"approved": true, "note": "go"});
        scene.server.ask("POST", &path).json(&value).send().ok();
        browser.until_in(STATE, "Completed").await;
        assert_eq!(browser.eval("return window.__same").await, json!(true));
    });
}

#[test]
fn new_runs_wait_behind_a_count_and_take_no_focus() {
    let scene = Scene::with(&["forms"]);
    let first = scene.start("says-things", json!({}));
    scene.until(&first, "COMPLETED");
    in_browser(&scene, Look::WIDE, async |browser| {
        browser.go("/flow-runs").await;
        browser.find("#runs tr").await;
        browser.click("#runs input[name=id]").await;
        browser.fill(".find input", "half a wo").await;
        for _ in 0..12 {
            scene.start("says-things", json!({}));
        }
        browser.until("12 new").await;
        let state = browser
            .eval(
                "return [document.querySelectorAll('#runs tr').length, \
                 document.querySelector('#runs input[name=id]').checked, \
                 document.activeElement.name, document.activeElement.value]",
            )
            .await;
        assert_eq!(state, json!([1, true, "text", "half a wo"]));
        browser.click("[data-new-for=runs]").await;
        browser.until("These are all").await;
        let rows = browser
            .eval("return document.querySelectorAll('#runs tr').length")
            .await;
        assert_eq!(rows, json!(13));
    });
}

#[test]
fn cancelling_asks_first_and_says_what_else_ends() {
    let scene = Scene::with(&["inputs"]);
    let run = scene.start("release", json!({"version": "7"}));
    scene.until(&run, "WAITING");
    for look in [Look::WIDE, Look::WIDE.without_script()] {
        in_browser(&scene, look, async |browser| {
            browser.go(&format!("/flow-runs/{run}")).await;
            if scene.server.get(&format!("/v1/flow-runs/{run}"))["state"]["type"] == "CANCELLED" {
                // The first look has done it: it can only be tried again.
                browser.click("a[href$='/retry']").await;
                browser
                    .until("What earlier attempts have completed is not repeated")
                    .await;
                browser.click("form.form button.primary").await;
                browser.until("A new attempt begins").await;
                return;
            }
            browser.click("a.danger[href$='/cancel']").await;
            browser.until("has 10 s to clean up").await;
            browser.picture("cancel-dialog-1280-light").await;
            browser.click("form.form button.danger").await;
            browser.until_in(STATE, "Cancelled").await;
        });
    }
}

#[test]
fn what_a_failed_run_has_started_can_be_cancelled() {
    let scene = Scene::with(&["retries"]);
    let parent = scene.start("fails-before-its-child", json!({}));
    scene.until(&parent, "FAILED");
    in_browser(&scene, Look::WIDE, async |browser| {
        browser.go(&format!("/flow-runs/{parent}")).await;
        browser.until("Cancel what it started").await;
        browser.click("a.danger[href$='/cancel']").await;
        browser
            .until("The run is over. This ends 1 run that it started")
            .await;
        browser.click("form.form button.danger").await;
        browser.until("Cancelled what").await;
        browser.until_in(STATE, "Failed").await;
    });
    let children = scene.server.get("/v1/flow-runs?flow=takes-a-while");
    let child = children["items"][0]["id"].as_str().unwrap();
    scene.until(child, "CANCELLED");
}

#[test]
fn text_of_guests_is_never_markup() {
    let scene = Scene::with(&["forms"]);
    let evil =
        "<script>window.__evil=1</script><img src=x onerror=window.__evil=1>\u{202e}txt\u{1b}[31m";
    let run = scene.start("echo", json!({"value": evil, "fail": evil}));
    scene.until(&run, "FAILED");
    in_browser(&scene, Look::WIDE, async |browser| {
        let pages = [
            "",
            "?tab=logs",
            "?tab=journal",
            "?tab=values",
            "?tab=history",
        ];
        let mut all: Vec<String> = pages
            .iter()
            .map(|tab| format!("/flow-runs/{run}{tab}"))
            .collect();
        all.extend(["/flow-runs".to_owned(), "/".to_owned()]);
        for page in all {
            browser.go(&page).await;
            browser.find("main").await;
            assert_eq!(
                browser.eval("return window.__evil ?? 0").await,
                json!(0),
                "{page}"
            );
            let text = browser.text().await;
            assert!(!text.contains(['\u{202e}', '\u{1b}']), "{page}");
            let faults = browser.faults(Look::WIDE).await;
            assert!(faults.is_empty(), "{page}: {faults:#?}");
        }
    });
}

#[test]
fn nobody_sees_a_page_without_signing_in() {
    let scene = Scene::empty();
    in_browser(&scene, Look::WIDE, async |browser| {
        browser.go("/settings").await;
        browser.picture("settings-empty-1280-light").await;
        browser
            .eval("document.querySelector('details.menu').open = true")
            .await;
        browser.click("form[action='/sign-out'] button").await;
        browser.go("/flow-runs?state=FAILED").await;
        browser.until("Sign in").await;
        browser.fill("input[name=token]", "orch_wrong").await;
        browser.click("button.primary").await;
        browser.until("The token is not known").await;
        browser.fill("input[name=token]", &scene.token()).await;
        browser.click("button.primary").await;
        browser.find("nav").await;
        assert_eq!(browser.path().await, "/flow-runs?state=FAILED");
    });
}

#[test]
fn an_empty_system_says_what_to_do() {
    let scene = Scene::empty();
    in_browser(&scene, Look::WIDE, async |browser| {
        for page in [
            "/",
            "/flow-runs",
            "/deployments",
            "/components",
            "/work-pools",
        ] {
            browser.go(page).await;
            browser
                .picture(&format!("empty{}-1280-light", page.replace('/', "-")))
                .await;
            let text = browser.text().await;
            assert!(text.contains("orch-host "), "{page}: {text}");
        }
        browser.go("/flow-runs/nothing").await;
        browser
            .until("no flow run has the id or the name `nothing`")
            .await;
        browser.until("Hint").await;
        browser.picture("problem-1280-light").await;
        browser.go("/nowhere").await;
        browser.until("there is nothing at `/nowhere`").await;
    });
}

#[test]
fn ticked_runs_are_cancelled_and_then_all_that_match() {
    let scene = Scene::with(&["inputs"]);
    let runs: Vec<String> = (0..5)
        .map(|n| scene.start("release", json!({"version": n.to_string()})))
        .collect();
    for run in &runs {
        scene.until(run, "WAITING");
    }
    in_browser(&scene, Look::WIDE, async |browser| {
        browser.go("/flow-runs?state=WAITING").await;
        // By keys: the first two rows.
        for key in ["j", "x", "j", "x"] {
            browser.press(key).await;
        }
        browser.until("2 ticked").await;
        browser.click("#bulk button[value=ticked]").await;
        browser.until("Cancel 2 flow runs?").await;
        browser.picture("bulk-ask-1280-light").await;
        browser.click("main form button.danger").await;
        browser.until("Left alone").await;
        scene.until_waiting(3);
        browser.until_in("dl dd", "Done").await;
        browser.picture("bulk-done-1280-light").await;
        // All that match, without ticks.
        browser.go("/flow-runs?state=WAITING").await;
        browser.click("#bulk button[value=all]").await;
        browser.until("all flow runs that match").await;
        browser.click("main form button.danger").await;
        browser.until("Left alone").await;
        scene.until_waiting(0);
    });
}
