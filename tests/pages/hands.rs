//! What people do with keys, the mouse and files, and what is done without either.

use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::json;
use test_support::guest;

use crate::browser::Look;
use crate::in_browser;
use crate::scene::Scene;
use crate::seeing::cached;

#[test]
fn keys_lead_to_pages_runs_and_the_log() {
    let scene = Scene::with(&["forms"]);
    let run = scene.start("says-things", json!({}));
    scene.until(&run, "COMPLETED");
    let name = scene.server.get(&format!("/v1/flow-runs/{run}"))["name"].clone();
    in_browser(&scene, Look::WIDE, async |browser| {
        let leads = async |keys: &[&str]| {
            let press = async || {
                for key in keys {
                    browser.press(key).await;
                }
            };
            browser.leads_away(press).await
        };
        browser.go("/").await;
        for (key, page) in [
            ("p", "/deployments"),
            ("c", "/components"),
            ("w", "/work-pools"),
            ("e", "/events"),
            ("s", "/settings"),
            ("d", "/"),
            ("r", "/flow-runs"),
        ] {
            assert_eq!(leads(&["g", key]).await, page);
        }
        // The first row, by keys alone.
        let page = leads(&["j", "Enter"]).await;
        assert_eq!(page, format!("/flow-runs/{run}"));
        // In a field, keys are text.
        browser.press("/").await;
        let name = name.as_str().unwrap();
        for letter in name.chars() {
            browser.press(&letter.to_string()).await;
        }
        let found = leads(&["Enter"]).await;
        assert_eq!(found, format!("/flow-runs?text={name}"));
        browser.until("These are all").await;
        // The log is followed, or not.
        browser.go(&format!("/flow-runs/{run}?tab=logs")).await;
        let follows = async || {
            let button = browser.find("#log-follow").await;
            button.attr("aria-pressed").await.unwrap().unwrap()
        };
        let before = follows().await;
        browser.press("f").await;
        assert_ne!(follows().await, before);
        // What there is to press.
        browser.press("?").await;
        browser.find("#keys[open]").await;
        let faults = browser.faults(Look::WIDE).await;
        assert!(faults.is_empty(), "{faults:#?}");
        browser.picture("keys-1280-light").await;
        browser.press("?").await;
        browser.find("#keys:not([open])").await;
    });
}

#[test]
fn keys_that_are_turned_off_do_nothing() {
    let scene = Scene::empty();
    in_browser(&scene, Look::WIDE, async |browser| {
        browser.go("/settings").await;
        browser.click("input[name=keys]").await;
        browser.click("form[action='/settings'] button").await;
        browser.until("Saved").await;
        for key in ["g", "r", "?", "/"] {
            browser.press(key).await;
        }
        let state = browser
            .eval("return [location.pathname, !!document.querySelector('dialog[open]'), document.activeElement.name ?? '']")
            .await;
        assert_eq!(state, json!(["/settings", false, ""]));
        // They are on again as soon as they are turned on.
        browser.click("input[name=keys]").await;
        browser.click("form[action='/settings'] button").await;
        browser.until("Saved").await;
        let go = async || {
            browser.press("g").await;
            browser.press("r").await;
        };
        assert_eq!(browser.leads_away(go).await, "/flow-runs");
    });
}

#[test]
fn dragging_over_the_bars_sets_the_time() {
    let scene = Scene::with(&["forms"]);
    let run = scene.start("says-things", json!({}));
    scene.until(&run, "COMPLETED");
    in_browser(&scene, Look::WIDE, async |browser| {
        browser.go("/flow-runs?flow=says-things").await;
        // The bars are of the last day: the run is at their end.
        let early = browser
            .leads_away(async || browser.drag("svg[data-drag]", 0.2, 0.6).await)
            .await;
        browser.until("No flow run passes these filters").await;
        let times = times(&early);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let ago = |at: jiff::Timestamp| (now.as_secs() as i64 - at.as_second()) as f64 / 3600.0;
        let (since, until) = (ago(times.0), ago(times.1));
        assert!((18.0..21.0).contains(&since), "{since} h ago in {early}");
        assert!((8.5..11.5).contains(&until), "{until} h ago in {early}");
        assert!(early.contains("flow=says-things"), "{early}");
        // Now of the time that is shown.
        browser.go("/flow-runs?flow=says-things").await;
        browser
            .leads_away(async || browser.drag("svg[data-drag]", 0.6, 1.0).await)
            .await;
        browser.find("#runs tr").await;
    });
}

/// `since` and `until` of an address.
fn times(address: &str) -> (jiff::Timestamp, jiff::Timestamp) {
    let url = url::Url::parse("http://localhost").unwrap().join(address);
    let url = url.unwrap();
    let time = |name: &str| {
        let mut pairs = url.query_pairs();
        let (_, value) = pairs.find(|(key, _)| key == name).expect(name);
        value.parse().unwrap()
    };
    (time("since"), time("until"))
}

#[test]
fn what_is_copied_is_what_the_button_says() {
    let scene = Scene::with(&["forms"]);
    let big = "x".repeat(40_000);
    let run = scene.start("echo", json!({"value": big}));
    scene.until(&run, "COMPLETED");
    in_browser(&scene, Look::WIDE, async |browser| {
        let permissions = json!({"permissions": ["clipboardReadWrite"]});
        browser
            .devtools("Browser.grantPermissions", permissions)
            .await;
        let copied = async |button: &str| {
            browser.click(button).await;
            browser.until_in(".said", "Copied").await;
            let text = browser.eval("return navigator.clipboard.readText()").await;
            // The next one says so anew.
            browser
                .eval("document.querySelector('.said').remove()")
                .await;
            text
        };
        browser.go(&format!("/flow-runs/{run}?tab=values")).await;
        assert_eq!(
            copied("[data-copy='']").await,
            json!(format!("{{\"value\":\"{big}\"}}"))
        );
        assert_eq!(copied("footer [data-copy]").await, json!(run));
        let command = copied("footer [data-copy^=orch-host]").await;
        let command = command.as_str().unwrap().to_owned();
        let words: Vec<&str> = command.split(' ').skip(1).collect();
        scene.home.run(words).ok();
    });
}

#[test]
fn a_file_that_is_dropped_shows_what_it_declares_before_it_is_deployed() {
    let scene = Scene::empty();
    in_browser(&scene, Look::WIDE, async |browser| {
        browser.go("/components/new").await;
        let form = browser.leads_away(async || {
            let file = guest("inputs").display().to_string();
            browser.drop_file("[data-drop]", &file).await;
        });
        let form = form.await;
        assert!(form.ends_with("/deploy"), "{form}");
        browser.until("release").await;
        browser.until("Tasks may reach by HTTP").await;
        browser.picture("deploy-1280-light").await;
        let faults = browser.faults(Look::WIDE).await;
        assert!(faults.is_empty(), "{faults:#?}");
        let deployments = || scene.server.get("/v1/deployments")["items"].clone();
        assert_eq!(deployments(), json!([]));
        // A grant that is none is said at the form, and nothing is lost.
        browser
            .fill("textarea[name='grants/http']", "http://a/b")
            .await;
        browser.click("form.form button.primary").await;
        browser.until("http://a/b").await;
        browser.find("[role=alert]").await;
        assert_eq!(deployments(), json!([]));
        browser
            .fill("textarea[name='grants/http']", "api.example.org")
            .await;
        browser.click("form.form button.primary").await;
        browser.until("release-deployment").await;
        let made = deployments();
        let made = made.as_array().unwrap();
        assert!(!made.is_empty());
        for it in made {
            assert_eq!(it["grants"]["http"], json!(["api.example.org"]));
        }
    });
}

#[test]
fn a_file_that_is_no_component_is_refused_where_it_was_dropped() {
    let scene = Scene::empty();
    let file = scene.home.path().join("notes.wasm");
    std::fs::write(&file, "some notes").unwrap();
    in_browser(&scene, Look::WIDE, async |browser| {
        browser.go("/components/new").await;
        browser
            .drop_file("[data-drop]", &file.display().to_string())
            .await;
        browser.find("#upload-error").await;
        browser.until("Hint:").await;
        browser.picture("upload-wrong-1280-light").await;
    });
}

#[test]
fn events_wait_until_they_are_asked_for_and_may_be_filtered() {
    let scene = Scene::with(&["forms"]);
    let run = scene.start("says-things", json!({}));
    scene.until(&run, "COMPLETED");
    let first = json!({"name": "first"});
    scene.server.post("/v1/work-pools", &first);
    for look in [Look::WIDE, Look::WIDE.without_script()] {
        in_browser(&scene, look, async |browser| {
            browser.go("/events").await;
            browser.until("says-things-deployment").await;
            // By type, with the form.
            browser.go("/events?type=pool").await;
            let count = async || {
                let rows = browser
                    .client
                    .find_all(fantoccini::Locator::Css("#events tr"));
                rows.await.unwrap().len()
            };
            let before = count().await;
            let name = format!("pool-{before}");
            scene.server.post("/v1/work-pools", &json!({"name": name}));
            if look.script {
                browser.until("1 new").await;
                assert_eq!(count().await, before);
                browser.click("[data-new-for=events]").await;
            } else {
                browser.go("/events?type=pool").await;
            }
            browser.until_in("#events tr:first-child", &name).await;
            assert_eq!(count().await, before + 1);
            // Of one run, and of none.
            browser.fill("#filter-run", &run).await;
            browser.click("#filter-type option[value='']").await;
            browser.click(".filters button.primary").await;
            browser.until_in("#events", "lines").await;
            assert!(!browser.text().await.contains(&name));
            browser.fill("#filter-run", "nobody").await;
            browser.click(".filters button.primary").await;
            browser.until_in("#e-run", "nobody").await;
        });
    }
}

#[test]
fn a_cached_result_is_cleared_with_the_button_of_its_row() {
    for look in [Look::WIDE, Look::WIDE.without_script()] {
        let scene = Scene::empty();
        let id = cached(&scene);
        in_browser(&scene, look, async |browser| {
            browser.go("/work-pools").await;
            let to_cache = async || browser.click("a[href='/cache']").await;
            assert_eq!(browser.leads_away(to_cache).await, "/cache");
            // The filter, and what it leaves.
            browser.go("/cache?task=others").await;
            browser.until("No cached result passes this filter.").await;
            browser.fill("#filter-task", "doubles").await;
            browser.click(".filters button.primary").await;
            let row = format!("#cached-{id}");
            browser.until_in(&row, "doubles").await;
            browser.click(&format!("{row} .danger")).await;
            browser.until("Clear this result of doubles?").await;
            browser.click("form[action$='/clear'] .danger").await;
            browser.until("Cleared a cached result").await;
            browser.until("There are no cached results.").await;
        });
        let results = scene.server.get("/v1/cache");
        assert_eq!(results["items"], json!([]));
    }
}
