//! What a run did over time, as people look at it.

use serde_json::json;

use crate::browser::Look;
use crate::in_browser;
use crate::scene::Scene;

/// Elements that a page of the largest run may have.
const NODES_MAX: u64 = 3000;

#[test]
fn a_group_opens_and_shows_each_attempt_of_its_tasks() {
    let scene = Scene::with(&["retries"]);
    let run = scene.start("crowd", json!({"n": 12, "delay_ms": 200}));
    scene.until(&run, "COMPLETED");
    in_browser(&scene, Look::WIDE, async |browser| {
        let count = async |css: &str| {
            let script = format!("return document.querySelectorAll({css:?}).length");
            browser.eval(&script).await.as_u64().unwrap()
        };
        browser.go(&format!("/flow-runs/{run}")).await;
        browser.until("×12").await;
        assert_eq!(count(".tl-row").await, 2);
        browser.click(".tl-row [aria-expanded=false]").await;
        browser.until("flaky-11").await;
        assert_eq!(count(".tl-row").await, 14);
        // Eight tasks failed once or twice, each attempt is there, with what it waited for.
        assert_eq!(count(".tl-row .hatched.s-failed").await, 12);
        browser.until("attempt 2 at").await;
        browser.picture("timeline").await;
        // The same as a table; back closes it, and closes the group.
        browser.eval("[...document.querySelectorAll('.chip')].find(it => it.textContent == 'Table').click()").await;
        browser.until("failed").await;
        assert_eq!(count("#timeline tr").await, 14);
        browser.eval("history.back()").await;
        browser.find(".tl-row [aria-expanded=true]").await;
        browser.click(".tl-row [aria-expanded=true]").await;
        browser.find(".tl-row [aria-expanded=false]").await;
        assert_eq!(count(".tl-row").await, 2);
    });
}

#[test]
fn a_part_of_the_time_is_chosen_by_dragging_or_by_keys() {
    let scene = Scene::with(&["retries"]);
    let run = scene.start("crowd", json!({"n": 3, "delay_ms": 300}));
    scene.until(&run, "COMPLETED");
    in_browser(&scene, Look::WIDE, async |browser| {
        let page = format!("/flow-runs/{run}");
        browser.go(&page).await;
        let half = browser
            .leads_away(async || browser.drag(".tl-scale", 0.25, 0.75).await)
            .await;
        assert!(half.contains("from=") && half.contains("to="), "{half}");
        let press = async |key: &str| browser.leads_away(async || browser.press(key).await).await;
        let quarter = press("+").await;
        assert!(quarter.contains("from=") && quarter != half, "{quarter}");
        assert_eq!(press("0").await, page);
        let middle = press("+").await;
        assert_ne!(press("-").await, middle);
    });
}

#[test]
fn an_earlier_attempt_is_drawn_with_its_cause() {
    let scene = Scene::with(&["retries"]);
    let run = scene.start("flaky-flow", json!({"failures": 2}));
    scene.until(&run, "COMPLETED");
    in_browser(&scene, Look::WIDE, async |browser| {
        browser.go(&format!("/flow-runs/{run}")).await;
        browser.click("[aria-label='Attempt 1']").await;
        browser.find(".tl-row .hatched.s-failed").await;
        let cause = "document.querySelector('.tl-row .tl-bar').getAttribute('aria-label')";
        let words = browser.eval(&format!("return {cause}")).await;
        let words = words.as_str().unwrap();
        assert!(
            words.contains("attempt 1 of the flow was to fail"),
            "{words}"
        );
    });
}

#[test]
fn ten_thousand_tasks_are_a_page_of_few_elements() {
    let scene = Scene::with(&["bench"]);
    let run = scene.start("map", json!({"n": 10_000}));
    scene.until(&run, "COMPLETED");
    in_browser(&scene, Look::WIDE, async |browser| {
        let page = format!("/flow-runs/{run}");
        for path in [
            page.clone(),
            format!("{page}?open=1"),
            format!("{page}?open=1&shown=10000"),
        ] {
            browser.go(&path).await;
            browser.until("×10,000").await;
            let nodes = "return document.querySelectorAll('*').length";
            let nodes = browser.eval(nodes).await.as_u64().unwrap();
            assert!(nodes < NODES_MAX, "{path}: {nodes}");
        }
        browser.picture("ten-thousand").await;
    });
}
