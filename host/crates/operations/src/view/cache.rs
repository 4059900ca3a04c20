//! Results of tasks that are kept for other runs.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::View;
use model::{CacheKey, CachedResult, Digest, Json, RunId, TaskName, Timestamp};
use store::CachedEntry;

/// A result that is kept for other runs.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct CachedView {
    /// One for each task, scope and key.
    pub id: Digest,
    pub task: TaskName,
    /// Where the result counts, in words: in one component, or in all of a flow with one version of
    /// the task; and whether only with the grants that its run had.
    pub scope: String,
    /// The component, unless the task has a version.
    pub component: Option<Digest>,
    /// What the author's function says, or the hash of the arguments.
    pub key: String,
    /// Of the value, in bytes.
    pub size: u64,
    /// The result. Left out in listings.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<Json>,
    /// The flow run whose task has computed it. It may be gone.
    pub flow_run: RunId,
    pub created: Timestamp,
    /// From then on it is used no more. Null: it is used until it is cleared.
    pub expires: Option<Timestamp>,
}

impl View for CachedView {}

impl CachedView {
    pub fn has_expired(&self, now: Timestamp) -> bool {
        self.expires.is_some_and(|expires| expires <= now)
    }
}

impl From<CachedEntry> for CachedView {
    fn from(entry: CachedEntry) -> Self {
        let (scope, component) = in_words(&entry.key);
        Self {
            id: entry.key.id(),
            task: entry.key.task,
            scope,
            component,
            key: entry.key.key,
            size: entry.size,
            value: None,
            flow_run: entry.run,
            created: entry.created,
            expires: entry.expires,
        }
    }
}

impl From<CachedResult> for CachedView {
    fn from(result: CachedResult) -> Self {
        let entry = CachedEntry {
            size: result.value.as_str().len() as u64,
            key: result.key,
            run: result.run,
            created: result.created,
            expires: result.expires,
        };
        Self {
            value: Some(result.value),
            ..entry.into()
        }
    }
}

/// Where a key counts, and in which component: see [`CacheKey::scope`].
fn in_words(key: &CacheKey) -> (String, Option<Digest>) {
    let is_grants = |text: &str| text.len() == 12 && text.bytes().all(|it| it.is_ascii_hexdigit());
    let (code, grants) = match key.scope.rsplit_once('+') {
        Some((code, grants)) if is_grants(grants) => (code, format!(", with grants {grants}")),
        _ => (key.scope.as_str(), String::new()),
    };
    match (code.parse::<Digest>(), code.split_once('/')) {
        (Ok(digest), _) => (
            format!("component {}{grants}", digest.short()),
            Some(digest),
        ),
        (Err(_), Some((flow, version))) => {
            (format!("flow {flow}, version {version}{grants}"), None)
        }
        (Err(_), None) => (format!("{code}{grants}"), None),
    }
}

/// How many cached results were cleared.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct ClearedView {
    pub cleared: u64,
}

impl View for ClearedView {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::testing::{AT, shown};
    use model::{FlowName, Grants};

    fn key(version: Option<&str>, grants: &str) -> CacheKey {
        let grants: Grants = serde_json::from_str(grants).unwrap();
        let (component, flow) = (Digest::of(b"x"), FlowName::trusted("etl"));
        CacheKey {
            task: TaskName::trusted("fetch"),
            scope: CacheKey::scope(component, &flow, version, &grants),
            key: "page 1".to_owned(),
        }
    }

    #[test]
    fn where_a_result_counts_is_said_in_words() {
        let said = |version, grants| in_words(&key(version, grants)).0;
        assert_eq!(said(None, "{}"), "component 2d711642b726");
        assert_eq!(said(Some("1.2+b/3"), "{}"), "flow etl, version 1.2+b/3");
        let some = r#"{"env":["A=1"]}"#;
        let code = "component 2d711642b726, with grants ";
        assert!(said(None, some).starts_with(code), "{}", said(None, some));
        let code = "flow etl, version 2, with grants ";
        assert!(said(Some("2"), some).starts_with(code));
    }

    #[test]
    fn the_shape_of_a_cached_result() {
        let result = CachedResult {
            key: key(None, "{}"),
            value: Json::parse("[1,2]").unwrap(),
            run: RunId(uuid::Uuid::nil()),
            created: AT,
            expires: None,
        };
        insta::assert_snapshot!(shown(&CachedView::from(result)), @r#"
        {
          "id": "70f9324b174573bb71de7093934a24637665b6ac9dcd0cc4f48beaf666e68531",
          "task": "fetch",
          "scope": "component 2d711642b726",
          "component": "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881",
          "key": "page 1",
          "size": 5,
          "value": [1,2],
          "flow_run": "00000000-0000-0000-0000-000000000000",
          "created": "2023-11-14T22:13:20.123456Z",
          "expires": null
        }
        "#);
        assert_eq!(
            shown(&ClearedView { cleared: 3 }).replace(['\n', ' '], ""),
            r#"{"cleared":3}"#
        );
    }
}
