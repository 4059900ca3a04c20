use std::collections::HashSet;

use model::{FlowOptions, Json, Schema};
use orchestrator::Parameters;

use super::*;

#[track_caller]
fn check(refusal: impl Error + 'static, message: &str, hint: &str) {
    let problem = Problem::of(&refusal).unwrap_or_else(|| panic!("{refusal}"));
    assert_eq!(problem.detail, message);
    assert_eq!(problem.hint.as_deref(), Some(hint));
    assert!(problem.kind.is_mistake_of_user());
}

#[test]
fn a_kind_is_known_by_one_word() {
    let slugs: HashSet<_> = ProblemKind::ALL.map(ProblemKind::slug).into();
    assert_eq!(slugs.len(), ProblemKind::ALL.len());
}

#[test]
fn the_nearest_name_is_the_hint() {
    let refusal = |nearest: Option<&str>| ResolveRefusal::NoDeployment {
        asked: "etl/nightli".parse().unwrap(),
        nearest: nearest.map(|name| name.parse().unwrap()),
    };
    let message = "there is no deployment `etl/nightli`";
    check(
        refusal(Some("etl/nightly")),
        message,
        "did you mean `etl/nightly`?",
    );
    check(
        refusal(None),
        message,
        "`orch-host deployment ls` lists what there is",
    );
}

#[test]
fn a_refusal_within_another_is_found() {
    let refusal = ResolveRefusal::NoPool {
        asked: "p".parse().unwrap(),
        nearest: None,
    };
    check(
        DeployRefusal::Resolve(refusal),
        "work pool `p` does not exist",
        "create it: `orch-host work-pool create p`",
    );
}

#[test]
fn several_inputs_need_a_key() {
    check(
        GiveRefusal::Several {
            run: "otter".parse().unwrap(),
            keys: vec!["first".to_owned(), "a word".to_owned()],
        },
        "flow run 'otter' waits for several inputs: `first`, `a word`",
        "say which: `--key first`",
    );
    check(
        GiveRefusal::NoSuchKey {
            run: "otter".parse().unwrap(),
            key: "secnd".to_owned(),
            nearest: Some("second".to_owned()),
            keys: Vec::new(),
        },
        "flow run 'otter' does not wait for input `secnd`",
        "did you mean `second`?",
    );
}

#[test]
fn a_misfit_says_what_to_type_and_where_it_is() {
    #[track_caller]
    fn check(parameters: &str, message: &str, hint: &str, pointers: &[&str]) {
        let mut flow = crate::view::testing::flow();
        flow.options = FlowOptions::default();
        let schema = r##"{
            "type": "object", "additionalProperties": false, "required": ["item_id"],
            "properties": {
                "item_id": {"type": "integer"},
                "label": {"type": ["string", "null"]},
                "item": {"type": "object", "properties": {"n": {"type": "integer"}}},
                "extra": {}
            }
        }"##;
        flow.schema = Schema {
            parameters: Json::parse(schema).unwrap(),
            result: Json::trusted("{}"),
        };
        let checker = Parameters::new(&flow.schema.parameters).unwrap();
        let misfit = checker.check(&Json::trusted(parameters)).unwrap_err();
        let problem = Problem::from(StartRefusal::Parameters {
            flow: Box::new(flow),
            misfit,
        });
        assert_eq!(problem.detail, message);
        assert_eq!(problem.hint.as_deref(), Some(hint));
        let places: Vec<_> = problem.errors.iter().map(|it| &*it.pointer).collect();
        assert_eq!(places, pointers);
    }
    let takes =
        "flow `etl` takes extra?: any, item?: object, item_id: integer, label?: string|null";
    check(
        "{}",
        "parameter `item_id` is missing: expected an integer",
        "pass it: `-p item_id=VALUE`",
        &["/parameters/item_id"],
    );
    check(
        r#"{"item_id": "x"}"#,
        "parameter `item_id` is `\"x\"`: expected an integer",
        takes,
        &["/parameters/item_id"],
    );
    check(
        r#"{"itm_id": 1}"#,
        "unknown parameter `itm_id`: did you mean `item_id`?",
        takes,
        &["/parameters/itm_id"],
    );
    check(
        r#"{"item_id": 1, "item": {"n": "x"}}"#,
        "parameter `item.n` is `\"x\"`: \"x\" is not of type \"integer\"",
        takes,
        &["/parameters/item/n"],
    );
}
