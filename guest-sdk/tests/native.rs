//! What an author can do without a host: run the plain functions in unit tests.

use guest_sdk::prelude::*;

mod item {
    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
    pub struct Item {
        pub id: u32,
        #[serde(default)]
        pub note: Option<String>,
    }
}

use item::Item;

/// Makes an item.
#[task(retries = 2, retry_delay = exponential("1s"), tags = ["slow"])]
pub fn make(id: u32, r#type: Option<String>) -> Result<Item> {
    ensure!(id > 0, "items count from one");
    Ok(Item { id, note: r#type })
}

#[task]
async fn make_later(id: u32) -> Result<Item, std::io::Error> {
    Ok(Item { id, note: None })
}

#[flow]
fn plain(#[default = 2] n: u32) -> u32 {
    n * 2
}

#[flow]
async fn parent() -> Result<Item> {
    make(1, None)
}

#[test]
fn call_runs_the_plain_function() {
    let made = make::call(3, Some("x".into())).unwrap();
    assert_eq!(made.id, 3);
    assert_eq!(made.note.as_deref(), Some("x"));
    let error = make::call(0, None).unwrap_err();
    assert_eq!(error.to_string(), "items count from one");
    assert_eq!(plain::call(4), 8);
}

#[test]
fn call_of_an_async_task_is_its_plain_future() {
    let item = make_later::call(5).now_or_never().unwrap().unwrap();
    assert_eq!(item.id, 5);
}

#[test]
#[should_panic(expected = "flows run inside orch-host")]
fn a_task_run_needs_the_host() {
    let _ = make(1, None);
}

#[test]
#[should_panic(expected = "flows run inside orch-host")]
fn a_flow_that_starts_task_runs_needs_the_host() {
    let _ = parent::call().now_or_never();
}
