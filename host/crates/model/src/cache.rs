//! Results of tasks that are kept for other runs.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Digest, FlowName, Grants, Json, LimitName, RunId, TaskName, Timestamp};

/// The longest key that an author may give, in bytes.
pub const CACHE_KEY_MAX: usize = 1_000;

/// How the results of a task are cached.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CacheOptions {
    pub by: CacheBy,
    /// How long a result is used. None: until it is cleared.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub expiration_ms: Option<u64>,
    /// Whether of several that find no result only one computes it, and the others wait for that.
    #[serde(default)]
    pub lock: bool,
}

impl CacheOptions {
    pub fn expiration(&self) -> Option<Duration> {
        self.expiration_ms.map(Duration::from_millis)
    }
}

/// What two calls of a task have in common that have the same result.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CacheBy {
    /// Their arguments. Prefect's `task_input_hash`.
    Inputs,
    /// The text that the component returns when it is asked to run the task of this name with their
    /// arguments. Prefect's `cache_key_fn`.
    Task(TaskName),
}

/// Under what a result is cached.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CacheKey {
    pub task: TaskName,
    /// Within which code the key counts: see [`CacheKey::scope`].
    pub scope: String,
    /// What the author's function says, or the hash of the arguments.
    pub key: String,
}

impl CacheKey {
    /// Where the results of a task are the same if their keys are: in one component, or, if the
    /// author gives the task a version, in all components of the flow for as long as that stays. A
    /// task that may reach other things is another one: it may find another result there.
    pub fn scope(
        component: Digest,
        flow: &FlowName,
        version: Option<&str>,
        grants: &Grants,
    ) -> String {
        let code = match version {
            None => component.to_string(),
            Some(version) => format!("{flow}/{version}"),
        };
        if grants.is_empty() {
            return code;
        }
        let grants = Digest::of(serde_json::json!(grants).to_string().as_bytes());
        format!("{code}+{}", grants.short())
    }

    /// The key of arguments: equal for equal values, however they are written.
    pub fn of_inputs(arguments: &Json) -> String {
        let tidied = Json::tidy(arguments.as_str());
        let text = tidied.as_ref().unwrap_or(arguments).as_str();
        format!("inputs:{}", Digest::of(text.as_bytes()))
    }

    /// One value for all of it.
    pub fn id(&self) -> Digest {
        let parts = serde_json::json!([self.task, self.scope, self.key]);
        Digest::of(parts.to_string().as_bytes())
    }

    /// Why a text cannot be a key. It completes a sentence that begins with the key.
    pub fn check(key: &str) -> Result<(), String> {
        if key.is_empty() {
            return Err("is empty".to_owned());
        }
        if key.len() > CACHE_KEY_MAX {
            let len = key.len();
            return Err(format!(
                "has {len} bytes; the limit on it is {CACHE_KEY_MAX}"
            ));
        }
        match key.chars().find(|c| c.is_control()) {
            Some(character) => Err(format!("contains {character:?}, which is not allowed")),
            None => Ok(()),
        }
    }
}

/// A cached result.
#[derive(Clone, Debug, PartialEq)]
pub struct CachedResult {
    pub key: CacheKey,
    pub value: Json,
    /// The run that has computed it.
    pub run: RunId,
    pub created: Timestamp,
    /// From then on it is used no more. None: it is used until it is cleared.
    pub expires: Option<Timestamp>,
}

impl LimitName {
    /// The limit with a line for each cache key, whose one slot is that of who computes its result.
    /// No person can make one of this name.
    pub fn of_cache() -> Self {
        Self::trusted(Self::CACHE)
    }

    const CACHE: &'static str = "cache:/";

    /// How many slots it has, if it is there without that anybody has made it.
    pub fn built_in_slots(&self) -> Option<u32> {
        (self.as_str() == Self::CACHE).then_some(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(task: &str, scope: &str, key: &str) -> CacheKey {
        CacheKey {
            task: TaskName::trusted(task),
            scope: scope.to_owned(),
            key: key.to_owned(),
        }
    }

    #[test]
    fn equal_arguments_have_equal_keys_however_they_are_written() {
        let of = |text: &str| CacheKey::of_inputs(&Json::parse(text).unwrap());
        let one = of(r#"{"a":{"x":1,"y":[1.5]},"b":"ä"}"#);
        assert_eq!(one, of(r#"{ "b":"\u00e4", "a": {"y":[1.5],"x":1}}"#));
        for other in [
            r#"{"a":{"x":1,"y":[1.50]},"b":"ä"}"#,
            r#"{"a":{"x":1,"y":[]},"b":"ä"}"#,
            "{}",
        ] {
            assert_ne!(one, of(other));
        }
    }

    #[test]
    fn no_two_keys_are_one() {
        let keys = [
            key("a", "b", "c"),
            key("a", "b", "c\",\""),
            key("a", "bc", ""),
            key("ab", "", "c"),
            key("a\",\"b", "c", ""),
        ];
        let ids: std::collections::HashSet<Digest> = keys.iter().map(CacheKey::id).collect();
        assert_eq!(ids.len(), keys.len());
    }

    #[test]
    fn what_a_task_may_reach_and_its_version_are_part_of_where_its_results_count() {
        let (component, flow) = (Digest::of(b"x"), FlowName::trusted("etl"));
        let nothing = Grants::default();
        let of = |version, grants| CacheKey::scope(component, &flow, version, grants);
        assert_eq!(of(None, &nothing), component.to_string());
        assert_eq!(of(Some("2"), &nothing), "etl/2");
        let some: Grants = serde_json::from_str(r#"{"env":["A=1"]}"#).unwrap();
        let other: Grants = serde_json::from_str(r#"{"env":["A=2"]}"#).unwrap();
        assert!(of(Some("2"), &some).starts_with("etl/2+"));
        assert_ne!(of(None, &some), of(None, &other));
    }

    #[test]
    fn a_key_is_a_text_that_can_be_shown() {
        assert_eq!(CacheKey::check("Zürich 2026"), Ok(()));
        assert_eq!(CacheKey::check(""), Err("is empty".to_owned()));
        assert!(CacheKey::check(&"x".repeat(1_001)).is_err());
        assert!(CacheKey::check("a\0b").unwrap_err().contains("not allowed"));
    }
}
