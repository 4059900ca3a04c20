//! Schemas and values that would be forms without end. None of them may take long, and each of
//! them can be filled in, if need be as JSON.

use model::Json;

use super::browser::pairs_in;
use super::build::FIELDS_MAX;
use super::field::Field;
use super::whole::Form;

/// Draws the form and reads it back. The number of its fields.
#[track_caller]
fn check(schema: &str, value: &str) -> usize {
    let schema = Json::parse(schema).unwrap();
    let value = Json::parse(value).unwrap();
    let form = Form::of(&schema, &value);
    let fields = count(&form.root);
    assert!(fields <= FIELDS_MAX, "{fields} fields");
    let read = Form::read(&schema, &pairs_in(&form.html())).unwrap();
    assert_eq!(read.json, Some(Json::tidy(value.as_str()).unwrap()));
    fields
}

fn count(field: &Field) -> usize {
    1 + field.parts().iter().map(count).sum::<usize>()
}

/// 34 definitions, each made of the next one by `part`; the last takes a text.
fn chain(part: impl Fn(&str) -> String) -> String {
    let definition = |at: usize| {
        let next = format!(r##"{{"$ref": "#/$defs/D{}"}}"##, at + 1);
        format!(r#""D{at}": {}"#, part(&next))
    };
    let definitions: Vec<String> = (0..34).map(definition).collect();
    format!(
        r##"{{"type": "object", "properties": {{"a": {{"$ref": "#/$defs/D0"}}, "b": {{"type": "string"}}}},
            "$defs": {{{}, "D34": {{"type": "string"}}}}}}"##,
        definitions.join(", ")
    )
}

#[test]
fn what_doubles_with_each_definition_is_json() {
    let value = r#"{"a": "x", "b": "y"}"#;
    check(
        &chain(|next| format!(r#"{{"allOf": [{next}, {next}]}}"#)),
        value,
    );
    check(&chain(|next| format!(r#"{{"allOf": [{next}]}}"#)), value);
    check(
        &chain(|next| format!(r#"{{"oneOf": [{next}, {next}]}}"#)),
        value,
    );
    check(
        &chain(|next| format!(r#"{{"anyOf": [{next}, {next}, {{"type": "null"}}]}}"#)),
        value,
    );
    let nested = r#"{"a": {"p": {"q": {}}}}"#;
    check(
        &chain(|next| {
            format!(r#"{{"type": "object", "properties": {{"p": {next}, "q": {next}}}}}"#)
        }),
        nested,
    );
    check(
        &chain(|next| format!(r#"{{"type": "array", "items": {next}}}"#)),
        r#"{"a": [[[[[[]]]]]]}"#,
    );
}

/// An object of `count` members, each of the same schema.
fn wide(count: usize, member: &str) -> String {
    let members: Vec<String> = (0..count)
        .map(|at| format!(r#""p{at}": {member}"#))
        .collect();
    format!(
        r#"{{"type": "object", "properties": {{{}}}}}"#,
        members.join(", ")
    )
}

#[test]
fn an_object_of_itself_is_drawn_once() {
    let whole = wide(300, r##"{"$ref": "#"}"##);
    assert_eq!(check(&whole, r#"{"p7": {"p8": {}}}"#), 301);
    let list = r##"{"$ref": "#/$defs/List", "$defs": {"List": {"type": "object",
        "properties": {"next": {"anyOf": [{"$ref": "#/$defs/List"}, {"type": "null"}]}}}}}"##;
    check(list, r#"{"next": {"next": {"next": null}}}"#);
    check(r##"{"$ref": "#"}"##, "7");
    check(
        r##"{"$ref": "#/$defs/A", "$defs": {"A": {"$ref": "#/$defs/A"}}}"##,
        "7",
    );
}

#[test]
fn what_is_too_wide_is_drawn_less_deep() {
    let broad = format!(
        r##"{{"type": "object", "properties": {{"a": {{"$ref": "#/$defs/A"}}}},
            "$defs": {{"A": {}, "B": {}, "C": {}}}}}"##,
        wide(300, r##"{"$ref": "#/$defs/B"}"##),
        wide(300, r##"{"$ref": "#/$defs/C"}"##),
        wide(300, r#"{"type": "string"}"#),
    );
    assert_eq!(check(&broad, r#"{"a": {"p1": {"p2": {"p3": "x"}}}}"#), 302);
    check(&wide(2_500, r#"{"type": "string"}"#), r#"{"p7": "x"}"#);
    let choices: Vec<String> = (0..400).map(|at| at.to_string()).collect();
    let select = format!(r#"{{"enum": [{}]}}"#, choices.join(","));
    check(&wide(60, &select), r#"{"p7": 399}"#);
}

#[test]
fn large_lists_and_texts_are_json() {
    let schema = r#"{"type": "object", "properties": {"rows": {"type": "array", "items":
        {"type": "object", "properties": {"n": {"type": "integer"}}}}}}"#;
    let rows = |count: usize| {
        let rows: Vec<String> = (0..count).map(|n| format!(r#"{{"n": {n}}}"#)).collect();
        format!(r#"{{"rows": [{}]}}"#, rows.join(","))
    };
    assert_eq!(check(schema, &rows(900)), 1802);
    assert_eq!(check(schema, &rows(3_000)), 2);
    assert_eq!(check(schema, &rows(40_000)), 1);
    let text = format!(r#"{{"rows": [], "text": "{}"}}"#, "x".repeat(300_000));
    assert_eq!(check(schema, &text), 1);
    let text = format!(r#"{{"$comment": "{}"}}"#, "x".repeat(300_000));
    assert_eq!(check(&text, "7"), 1);
    assert_eq!(
        check(
            &format!("{}7{}", r#"{"not": "#.repeat(90), "}".repeat(90)),
            "1"
        ),
        1
    );
}

#[test]
fn there_is_no_item_more_than_a_form_holds() {
    let schema = Json::parse(
        r#"{"type": "array", "items": {"type": "object", "properties": {"n": {"type": "integer"}}}}"#,
    );
    let schema = schema.unwrap();
    let rows = vec![r#"{"n": 1}"#; 999].join(",");
    let form = Form::of(&schema, &Json::parse(format!("[{rows}]")).unwrap());
    let mut pairs = form.pairs();
    pairs.push((":do".to_owned(), "add ".to_owned()));
    let full = Form::read(&schema, &pairs).unwrap();
    assert_eq!(count(&full.form.root), count(&form.root));
    let problem = &full.form.problems[0];
    assert_eq!(
        problem.text,
        "a form has at most 2000 fields: write the value as JSON"
    );
}

#[test]
fn what_no_form_of_ours_posts_is_refused() {
    let schema = Json::parse(r#"{"type": "object"}"#).unwrap();
    let many = vec![("a".to_owned(), String::new()); 20_001];
    let refused = Form::read(&schema, &many).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "the form has 20001 fields; the limit is 20000"
    );
    let large = [("a".to_owned(), "x".repeat(5 << 20))];
    let refused = Form::read(&schema, &large).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "the form has 5242881 bytes; the limit is 4194304"
    );
    let schema = Json::parse(
        r#"{"type": "array", "items": {"type": "array", "items":
        {"type": "array", "items": {"type": "object", "properties": {}}}}}"#,
    )
    .unwrap();
    let nested = [
        (":items", "2000"),
        ("/0:items", "2000"),
        ("/0/0:items", "99999999999"),
    ];
    let nested = nested.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let refused = Form::read(&schema, &nested).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "the form has more fields than can be drawn: write the value as JSON"
    );
}
