use proptest::prelude::*;
use serde_json::json;

use super::*;

fn schema(schema: Value) -> BoundedSchema {
    BoundedSchema::new(schema).unwrap()
}

#[track_caller]
fn refused(schema: Value, expect: &str) {
    assert_eq!(BoundedSchema::new(schema).unwrap_err(), expect);
}

/// Each of so many definitions asks for the next one twice.
fn doubling(times: usize) -> Value {
    let mut parts = serde_json::Map::new();
    for at in 0..times {
        let next = json!({"$ref": format!("#/$defs/d{}", at + 1)});
        parts.insert(format!("d{at}"), json!({"allOf": [next, next]}));
    }
    parts.insert(format!("d{times}"), json!({"type": "object"}));
    json!({"properties": {"x": {"$ref": "#/$defs/d0"}}, "$defs": parts})
}

#[test]
fn a_check_that_doubles_with_each_reference_is_not_made() {
    let value = json!({"x": {}});
    assert_eq!(schema(doubling(10)).fits(&value, 8), Ok(true));
    assert_eq!(schema(doubling(34)).fits(&value, 8), Err(TooManySteps));
    // Without a value for it there is nothing to check.
    assert_eq!(schema(doubling(34)).fits(&json!({}), 2), Ok(true));
}

#[test]
fn a_check_that_doubles_with_each_level_of_the_value_is_not_made() {
    let side = json!({"properties": {"x": {"$ref": "#/$defs/tree"}}});
    let tree = schema(json!({
        "$ref": "#/$defs/tree", "$defs": {"tree": {"allOf": [side, side]}},
    }));
    let nested = |levels| (0..levels).fold(json!({}), |value, _| json!({"x": value}));
    assert_eq!(tree.fits(&nested(5), 30), Ok(true));
    assert_eq!(tree.fits(&nested(60), 360), Err(TooManySteps));
}

#[test]
fn a_schema_has_limits() {
    let mut deep = json!(true);
    for _ in 0..65 {
        deep = json!({"not": deep});
    }
    refused(
        deep,
        "it is nested deeper than 64 levels, which is the limit on a schema",
    );
    let many = vec![json!({"$ref": "#/$defs/one"}); 2001];
    refused(
        json!({"anyOf": many, "$defs": {"one": true}}),
        "it has more than 2000 references, which is the limit on a schema",
    );
    refused(
        json!({"enum": vec![0; 50_000]}),
        "it has more than 50000 parts, which is the limit on a schema",
    );
    let mut chain = serde_json::Map::new();
    for at in 0..101 {
        let next = json!({"$ref": format!("#/$defs/c{}", at + 1)});
        chain.insert(format!("c{at}"), next);
    }
    chain.insert("c101".to_owned(), json!(true));
    refused(
        json!({"$defs": chain}),
        "more than 100 of its schemas follow each other for the same value, which is the limit \
         on a schema",
    );
}

#[test]
fn a_schema_does_not_lead_out_of_itself_or_round_and_round() {
    for reference in [
        "file:///etc/passwd",
        "http://127.0.0.1/",
        "other",
        "#/$defs/none",
    ] {
        refused(
            json!({"$ref": reference}),
            &format!(
                "its reference `{reference}` leads out of it or nowhere: write `#/$defs/NAME`"
            ),
        );
    }
    let endless = "it refers to itself for the same value, without an end";
    refused(json!({"$ref": "#"}), endless);
    refused(json!({"allOf": [{"$ref": "#"}]}), endless);
    refused(json!({"if": true, "then": {"not": {"$ref": "#"}}}), endless);
    refused(
        json!({"$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"anyOf": [{"$ref": "#/$defs/a"}]}}}),
        endless,
    );
    refused(
        json!({"items": {"$dynamicRef": "#x"}}),
        "it uses `$dynamicRef`, which is not supported",
    );
    refused(
        json!({"items": {"$id": "other"}}),
        "it uses `$id`, which is not supported",
    );
}

/// What counts is where a schema stands: elsewhere these are names and values like all others.
#[test]
fn fields_and_values_may_be_called_like_keywords() {
    let named = json!({"type": "string"});
    let fields = json!({
        "$id": named, "$ref": named, "$dynamicRef": named, "pattern": named, "$defs": named,
    });
    let known = schema(json!({"properties": fields, "required": ["$id"]}));
    assert_eq!(known.fits(&json!({"$id": "a"}), 7), Ok(true));
    assert_eq!(known.fits(&json!({"$id": 1}), 7), Ok(false));
    assert_eq!(known.fits(&json!({}), 2), Ok(false));
    for keyword in ["const", "default", "examples", "x-note"] {
        schema(json!({keyword: [{"$ref": "nowhere", "$id": "other", "pattern": "(a)\\1"}]}));
    }
    schema(json!({"enum": [{"$ref": "#/enum/0"}], "default": {"$ref": "#/default"}}));
    schema(json!({"const": vec![json!({"pattern": "a", "$ref": "#"}); 3000]}));
}

/// A reference makes a schema of whatever it leads to.
#[test]
fn what_is_referred_to_is_a_schema_wherever_it_stands() {
    let unsupported = "it uses `$dynamicRef`, which is not supported";
    refused(
        json!({"$ref": "#/default", "default": {"not": {"$dynamicRef": "#a"}}}),
        unsupported,
    );
    refused(
        json!({"$ref": "#/properties", "properties": {"$dynamicRef": "#a"}}),
        unsupported,
    );
    refused(
        json!({"$ref": "#/const", "const": {"$id": "other"}}),
        "it uses `$id`, which is not supported",
    );
    let draft_4 = "http://json-schema.org/draft-04/schema#";
    refused(
        json!({"$schema": draft_4, "properties": {"a": {"id": "other"}}}),
        "it uses `id`, which is not supported",
    );
    schema(json!({"$schema": draft_4, "properties": {"id": {"type": "string"}}}));
    refused(
        json!({"$ref": "#/x-own/0", "x-own": [{"anyOf": [{"$ref": "#/x-own/0"}]}]}),
        "it refers to itself for the same value, without an end",
    );
    refused(
        json!({"$ref": "#/const", "const": {"anyOf": vec![json!({"pattern": "a"}); 201]}}),
        "it has more than 200 patterns, which is the limit on a schema",
    );
}

#[test]
fn a_pattern_is_matched_in_a_time_that_grows_with_the_text_alone() {
    let hard = schema(json!({"pattern": "^(a+)+$"}));
    let text = json!(format!("{}b", "a".repeat(50_000)));
    assert_eq!(hard.fits(&text, 50_003), Ok(false));
    let unsupported = |pattern: &str| {
        format!(
            "its pattern `{pattern}` is not supported: it has to be a regular expression without \
             look-around and back-references, of at most 262144 bytes when it is compiled"
        )
    };
    for pattern in ["^((a{1,500}){1,500}){1,500}$", "(?=a)b", "(a)\\1", "("] {
        refused(json!({"pattern": pattern}), &unsupported(pattern));
        let by_name = json!({"patternProperties": {pattern: true}});
        assert!(BoundedSchema::new(by_name).is_err());
    }
    refused(
        json!({"anyOf": vec![json!({"pattern": "a"}); 201]}),
        "it has more than 200 patterns, which is the limit on a schema",
    );
}

#[test]
fn a_type_that_contains_itself_is_checked_as_deep_as_json_goes() {
    let list = schema(json!({
        "$ref": "#/$defs/List",
        "$defs": {"List": {"type": "object", "properties": {
            "next": {"anyOf": [{"$ref": "#/$defs/List"}, {"type": "null"}]},
        }}},
    }));
    let nested = (0..120).fold(json!(null), |next, _| json!({ "next": next }));
    assert_eq!(list.fits(&nested, 1200), Ok(true));
    let wrong = (0..120).fold(json!(7), |next, _| json!({ "next": next }));
    assert_eq!(list.fits(&wrong, 1200), Ok(false));
}

/// What goes as deep as it may does not overflow the stack of a thread.
#[test]
fn the_deepest_check_fits_on_a_stack() {
    let mut chain = serde_json::Map::new();
    for at in 0..48 {
        let next = json!({"allOf": [{"$ref": format!("#/$defs/c{}", at + 1)}]});
        chain.insert(format!("c{at}"), next);
    }
    let next = json!({"properties": {"x": {"$ref": "#/$defs/c0"}}, "minProperties": 1});
    chain.insert("c48".to_owned(), next);
    let deep = schema(json!({"$ref": "#/$defs/c0", "$defs": chain}));
    let check = move || {
        let mut value = json!({});
        let mut refused = 0;
        for levels in 0..120 {
            match deep.fits(&value, 6 * levels) {
                Ok(fits) => {
                    assert!(!fits);
                    assert!(!deep.misfits(&value).is_empty());
                }
                Err(TooManySteps) => refused += 1,
            }
            value = json!({"x": value});
        }
        assert!(refused > 0, "the deepest was not tried");
    };
    let thread = std::thread::Builder::new().stack_size(2 << 20);
    thread.spawn(check).unwrap().join().unwrap();
}

/// Schemas that a guest might write, of references and applicators.
fn any_schema() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(json!(true)),
        Just(json!({"type": "object"})),
        Just(json!({"enum": [1, "a", null]})),
        Just(json!({"pattern": "a+b*"})),
        (0..4_u32).prop_map(|at| json!({"$ref": format!("#/$defs/d{at}")})),
        Just(json!({"$ref": "#"})),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        let list = || prop::collection::vec(inner.clone(), 1..4);
        prop_oneof![
            list().prop_map(|all| json!({"allOf": all})),
            list().prop_map(|any| json!({"anyOf": any})),
            list().prop_map(|one| json!({"oneOf": one})),
            inner.clone().prop_map(|not| json!({"not": not})),
            inner
                .clone()
                .prop_map(|items| json!({"items": items, "uniqueItems": true})),
            (inner.clone(), inner.clone())
                .prop_map(|(a, b)| json!({"properties": {"a": a, "b": b}})),
            inner
                .clone()
                .prop_map(|rest| json!({"additionalProperties": rest})),
            inner
                .clone()
                .prop_map(|rest| json!({"unevaluatedProperties": rest})),
            inner
                .clone()
                .prop_map(|names| json!({"propertyNames": names})),
            (inner.clone(), inner).prop_map(|(a, b)| json!({"if": a, "then": b, "else": false})),
        ]
    })
}

fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(json!(null)),
        any::<bool>().prop_map(Value::from),
        (0..5_i32).prop_map(Value::from),
        "[ab]{0,40}".prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 60, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            (inner.clone(), inner).prop_map(|(a, b)| json!({"a": a, "b": b})),
        ]
    })
}

proptest! {
    /// Whatever the schema: it is refused, or its check is refused, or it ends.
    #[test]
    fn every_check_ends(
        root in any_schema(),
        parts in prop::collection::vec(any_schema(), 4),
        value in any_value(),
    ) {
        let mut root = match root {
            Value::Object(members) => members,
            _ => serde_json::Map::new(),
        };
        let defs = parts.into_iter().enumerate().map(|(at, part)| (format!("d{at}"), part));
        root.insert("$defs".to_owned(), Value::Object(defs.collect()));
        if let Ok(schema) = BoundedSchema::new(Value::Object(root)) {
            let bytes = value.to_string().len();
            let fits = schema.fits(&value, bytes);
            if fits == Ok(false) {
                prop_assert!(!schema.misfits(&value).is_empty());
            }
        }
    }
}

/// What fits, or the complaint.
#[track_caller]
fn said(of: &Value, value: &str) -> String {
    let schema = schema(of.clone());
    let value: Value = serde_json::from_str(value).unwrap();
    match schema.fits(&value, 1) {
        Ok(true) => "fits".to_owned(),
        _ => schema.misfits(&value).remove(0).complaint,
    }
}

#[test]
fn an_integer_is_one_that_its_type_can_hold() {
    for (format, min, max) in [
        ("int8", "-128", "127"),
        ("uint8", "0", "255"),
        ("int32", "-2147483648", "2147483647"),
        ("uint32", "0", "4294967295"),
        ("int64", "-9223372036854775808", "9223372036854775807"),
        ("uint64", "0", "18446744073709551615"),
    ] {
        let of = json!({"type": "integer", "format": format});
        assert_eq!(said(&of, min), "fits");
        assert_eq!(said(&of, max), "fits");
        let beyond = |bound: &str, by: i128| (bound.parse::<i128>().unwrap() + by).to_string();
        let below = said(&of, &beyond(min, -1));
        assert!(
            below.ends_with(&format!("is below the minimum {min}")),
            "{below}"
        );
        let above = said(&of, &beyond(max, 1));
        assert!(
            above.ends_with(&format!("is above the maximum {max}")),
            "{above}"
        );
        // As a program would not read it.
        for text in ["7.0", "1e2", "1.5"] {
            assert_ne!(said(&of, text), "fits", "{format} {text}");
        }
    }
    let of = json!({"type": "integer", "format": "uint128"});
    assert_eq!(said(&of, &u128::MAX.to_string()), "fits");
    assert_ne!(said(&of, "-1"), "fits");
    // A plain integer of JSON Schema is what it was.
    assert_eq!(said(&json!({"type": "integer"}), "7.0"), "fits");
    // What only looks like a schema is a value.
    let of = json!({"const": {"type": "integer", "format": "int32"}});
    assert_eq!(said(&of, r#"{"type":"integer","format":"int32"}"#), "fits");
}

#[test]
fn a_date_is_a_date() {
    let of = |format: &str| json!({"type": "string", "format": format});
    assert_eq!(said(&of("date"), r#""2026-02-28""#), "fits");
    assert_eq!(
        said(&of("date"), r#""2026-02-30""#),
        "it is not a date, such as `2026-10-01`"
    );
    assert_eq!(
        said(&of("date-time"), r#""2026-10-01T12:00:00+02:00""#),
        "fits"
    );
    assert_eq!(
        said(&of("date-time"), r#""tomorrow""#),
        "it is not a time, such as `2026-10-01T12:00:00Z`"
    );
    assert_eq!(said(&of("duration"), r#""1h 30m""#), "fits");
    assert_eq!(said(&of("something else"), r#""x""#), "fits");
}
