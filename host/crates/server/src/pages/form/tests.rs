//! Stories of forms: a schema and a value, and the form that is drawn.

use model::Json;

use super::browser::pairs_in;
use super::posted::Asked;
use super::sketch::sketch;
use super::whole::Form;

fn json(text: &str) -> Json {
    Json::parse(text).unwrap()
}

/// Draws the form, and sees that it reads back as the value.
#[track_caller]
fn check(schema: &str, value: &str, expect: &str) {
    let form = Form::of(&json(schema), &json(value));
    assert_eq!(unindented(&sketch(&form)), unindented(expect));
    let read = Form::read(&json(schema), &form.pairs()).unwrap();
    let again = read.json.expect("the value of a form that was just drawn");
    assert_eq!(again, Json::tidy(value).unwrap());
    assert_eq!(sketch(&read.form), sketch(&form));
}

/// Lines without the indent that they share.
fn unindented(text: &str) -> String {
    let lines: Vec<&str> = text
        .lines()
        .filter(|line| !line.trim().is_empty())
        .collect();
    let indent = |line: &&str| line.len() - line.trim_start().len();
    let shared = lines.iter().map(indent).min().unwrap_or_default();
    let lines: Vec<&str> = lines.iter().map(|line| &line[shared..]).collect();
    lines.join("\n")
}

#[test]
fn each_type_has_its_field() {
    check(
        r#"{"type": "object", "additionalProperties": false,
            "required": ["size", "mode", "since", "name"],
            "properties": {
                "size": {"type": "integer", "minimum": 1},
                "ratio": {"type": "number"},
                "mode": {"enum": ["fast", "safe"]},
                "loud": {"type": "boolean"},
                "since": {"type": "string", "format": "date-time"},
                "name": {"type": "string", "title": "The name"},
                "tags": {"type": "array", "items": {"type": "string"}},
                "labels": {"type": "object", "additionalProperties": {"type": "string"}}
            }}"#,
        r#"{"size": 12345678901234567890123, "ratio": 1.10, "mode": "safe", "loud": true,
            "since": "2026-11-25T00:00:00+01:00", "name": " ä\nb", "tags": ["a", " b"],
            "labels": {"x": "1"}}"#,
        r#"
        Value * :
          size * [12345678901234567890123]
          ratio [1.10]
          mode * ( ) fast (o) safe
          loud (o) true ( ) false
          since * [2026-11-25|00:00:00|+01:00]
          The name * [ ä/b]
          tags [a/ b]
          labels {{ "x": "1" }}
        "#,
    );
}

#[test]
fn what_may_be_left_out_shows_the_default_and_is_off() {
    check(
        r#"{"type": "object", "properties": {
            "size": {"type": "integer", "default": 100},
            "mode": {"enum": ["fast", "safe"], "default": "safe"},
            "note": {"type": ["string", "null"]},
            "odd": {"type": "integer", "default": [1]},
            "to": {"type": "object", "default": {"name": "Ada"}, "properties": {
                "name": {"type": "string"}, "town": {"type": "string"}}}
        }}"#,
        "{}",
        "
        Value * :
          off: size [100]
          off: mode ( ) fast (o) safe
          off: note []
          off: odd []
          off: to :
            name [Ada]
            off: town []
        ",
    );
}

#[test]
fn null_is_a_choice() {
    check(
        r##"{"type": "object", "properties": {
            "note": {"type": ["string", "null"]},
            "size": {"anyOf": [{"$ref": "#/$defs/Size"}, {"type": "null"}]},
            "bill": {"anyOf": [{"$ref": "#/$defs/Address"}, {"type": "null"}]},
            "loud": {"type": ["boolean", "null"]},
            "level": {"type": ["integer", "null"], "minimum": 0},
            "ship": {"anyOf": [{"$ref": "#/$defs/Address"}, {"type": "null"}]}
        }, "$defs": {
            "Size": {"type": "string", "enum": ["small", "large"]},
            "Address": {"type": "object", "required": ["street"],
                "properties": {"street": {"type": "string"}}}
        }}"##,
        r#"{"note": null, "size": null, "bill": null, "loud": null, "level": 3,
            "ship": {"street": "Main"}}"#,
        "
        Value * :
          null: note []
          size ( ) small ( ) large (o) null
          null: bill :
            street * []
          loud ( ) true ( ) false (o) null
          level [3]
          ship :
            street * [Main]
        ",
    );
}

/// As `schemars` writes the enums of Rust, by each of serde's ways to tag them.
const TAGGED: &str = r##"{"type": "object", "properties": {
    "by_name": {"oneOf": [
        {"type": "object", "additionalProperties": false, "required": ["Email"],
         "properties": {"Email": {"type": "object", "required": ["to"],
            "properties": {"to": {"type": "string"}}}}},
        {"type": "string", "const": "Nobody"}]},
    "inside": {"oneOf": [
        {"type": "object", "required": ["via", "room"],
         "properties": {"via": {"type": "string", "const": "chat"},
            "room": {"type": "integer"}}},
        {"type": "object", "$ref": "#/$defs/Email", "required": ["via"],
         "properties": {"via": {"type": "string", "const": "email"}}}]},
    "beside": {"oneOf": [
        {"type": "object", "required": ["t", "c"],
         "properties": {"t": {"const": "A"}, "c": {"type": "integer"}}},
        {"type": "object", "required": ["t"], "properties": {"t": {"const": "B"}}}]},
    "untagged": {"anyOf": [{"type": "integer"}, {"type": "array", "items": {"type": "integer"}}]},
    "described": {"oneOf": [
        {"type": "string", "const": "Fast", "description": "As fast as it goes"},
        {"type": "string", "enum": ["Safe", "Slow"]}]}
}, "$defs": {"Email": {"type": "object", "required": ["to"],
    "properties": {"to": {"type": "string"}}}}}"##;

#[test]
fn a_union_is_a_choice_of_fieldsets() {
    check(
        TAGGED,
        r#"{"by_name": {"Email": {"to": "ada"}}, "inside": {"via": "email", "to": "bob"},
            "beside": {"t": "A", "c": 7}, "untagged": [1, 2], "described": "Safe"}"#,
        r#"
        Value * :
          by_name Email of 2
            Email * :
              Email * :
                to * [ada]
          inside email of 2
            email * :
              via * = "email"
              to * [bob]
          beside A of 2
            A * :
              t * = "A"
              c * [7]
          untagged array of 2
            array * [1/2]
          described ( ) Fast (o) Safe ( ) Slow
        "#,
    );
}

#[test]
fn lists_of_scalars_are_lines_and_others_have_items() {
    check(
        r#"{"type": "object", "properties": {
            "words": {"type": "array", "items": {"type": "string"}},
            "odd_words": {"type": "array", "items": {"type": "string"}},
            "numbers": {"type": "array", "items": {"type": "number"}},
            "sizes": {"type": "array", "items": {"enum": ["small", 2, true]}, "uniqueItems": true},
            "people": {"type": "array", "items": {"type": "object", "required": ["name"],
                "properties": {"name": {"type": "string"}, "age": {"type": "integer"}}}},
            "rows": {"type": "array", "items": {"type": "array", "items": {"type": "integer"}}},
            "notes": {"type": "array", "items": {"type": ["string", "null"]}},
            "maps": {"type": "array", "items": {"type": "object", "additionalProperties": true}},
            "pair": {"type": "array", "prefixItems": [{"type": "string"}]},
            "any": {"type": "array", "items": {}}
        }}"#,
        r#"{"words": ["a", "b c"], "odd_words": ["a\nb"], "numbers": [1.0, 2e9],
            "sizes": [2, "small", true], "people": [{"name": "Ada", "age": 36}, {"name": ""}],
            "rows": [[1, 2], []], "notes": ["x", null], "maps": [{"a": 1}], "pair": ["x"],
            "any": [1, "a"]}"#,
        r#"
        Value * :
          words [a/b c]
          odd_words {[ "a\nb" ]}
          numbers [1.0/2e9]
          sizes [2/small/true]
          people 2 items
            1 * :
              name * [Ada]
              age [36]
            2 * :
              name * []
              off: age []
          rows 2 items
            1 * [1/2]
            2 * []
          notes 2 items
            1 * [x]
            null: 2 * []
          maps 1 items
            1 * {{ "a": 1 }}
          pair {[ "x" ]}
          any {[ 1, "a" ]}
        "#,
    );
}

#[test]
fn what_is_not_understood_is_json() {
    check(
        r##"{"type": "object", "properties": {
            "not": {"type": "string", "not": {"const": "x"}},
            "two": {"allOf": [{"type": "string"}, {"minLength": 1}]},
            "mixed": {"type": ["string", "integer"]},
            "any": true,
            "free": {"type": "object"},
            "lost": {"$ref": "#/$defs/Nobody"},
            "far": {"$ref": "https://example.com/schema.json"},
            "tree": {"$ref": "#/$defs/Tree"},
            "self": {"$ref": "#"},
            "flat": {"type": "object", "properties": {"a": {"type": "string"}},
                "oneOf": [{"type": "object", "properties": {"b": {"type": "string"}}}, {}]}
        }, "$defs": {"Tree": {"type": "object", "required": ["leaf"], "properties": {
            "leaf": {"type": "string"}, "left": {"$ref": "#/$defs/Tree"}}}}}"##,
        r#"{"not": "y", "two": "z", "mixed": 3, "any": [], "free": {"b": 1}, "lost": 1, "far": null,
            "tree": {"leaf": "a", "left": {"leaf": "b"}}, "self": {}, "flat": {"a": "", "b": ""}}"#,
        r#"
        Value * :
          not {"y"}
          two {"z"}
          mixed {3}
          any {[]}
          free {{ "b": 1 }}
          lost {1}
          far {null}
          tree :
            leaf * [a]
            left {{ "leaf": "b" }}
          self {{}}
          flat {{ "a": "", "b": "" }}
        "#,
    );
}

#[test]
fn a_value_that_does_not_fit_is_json_where_it_does_not() {
    check(
        r#"{"type": "object", "properties": {
            "size": {"type": "integer"}, "text": {"type": "string"}, "mode": {"enum": ["a", "b"]},
            "to": {"type": "object", "properties": {"name": {"type": "string"}}},
            "via": {"oneOf": [{"type": "object"}, {"type": "integer"}]},
            "when": {"type": "string", "format": "date-time"}, "line": {"type": "string"},
            "word": {"type": "integer"}
        }}"#,
        r#"{"size": "7", "text": 7, "mode": "c", "to": {"name": "x", "age": 7}, "via": "x",
            "when": "tomorrow", "line": "a\r\nb", "word": "seven"}"#,
        r#"
        Value * :
          size {"7"}
          text {7}
          mode {"c"}
          to {{ "name": "x", "age": 7 }}
          via {"x"}
          when [tomorrow]
          line {"a\r\nb"}
          word [seven]
        "#,
    );
    check(
        r#"{"type": "object", "properties": {"a": {"type": "string"}}}"#,
        "[1]",
        "Value * {[ 1 ]}",
    );
}

#[test]
fn deep_values_are_json_from_the_fifth_level_on() {
    check(
        r#"{"type": "object", "properties": {"a": {"type": "object", "properties": {"b":
            {"type": "object", "properties": {"c": {"type": "object", "properties": {"d":
            {"type": "object", "properties": {"e": {"type": "string"}}}}}}}}}}}"#,
        r#"{"a": {"b": {"c": {"d": {"e": "x"}}}}}"#,
        r#"
        Value * :
          a :
            b :
              c :
                d {{ "e": "x" }}
        "#,
    );
}

#[test]
fn keys_and_texts_keep_every_character() {
    let keys = [
        "", "/", "~1", "a.b", "c[0]", ":value", "é ü", "\"<&>'", "~o1", "\n", "\0",
    ];
    let properties: Vec<String> = keys
        .iter()
        .map(|key| format!("{}: {{\"type\": \"string\"}}", Json::string(key)))
        .collect();
    let schema = format!(
        r#"{{"type": "object", "properties": {{{}}}}}"#,
        properties.join(", ")
    );
    for text in [
        "",
        " x",
        "x\n",
        "\n\nx",
        "\t",
        "\u{feff}\u{202e}",
        "\u{0}",
        "a\rb",
        "😀",
    ] {
        let text = Json::string(text);
        let members = keys.iter().map(|key| (key.to_string(), text.clone()));
        let value = Json::object(&members.collect());
        let form = Form::of(&json(&schema), &value);
        let read = Form::read(&json(&schema), &pairs_in(&form.html())).unwrap();
        assert_eq!(read.json, Some(Json::tidy(value.as_str()).unwrap()));
    }
}

/// Changes what was posted, and reads it.
#[track_caller]
fn check_post(schema: &str, value: &str, changes: &[(&str, &str)], expect: &str) {
    let form = Form::of(&json(schema), &json(value));
    let mut pairs = form.pairs();
    for (name, typed) in changes {
        pairs.retain(|(known, _)| known != name);
        if *typed != "-" {
            pairs.push(((*name).to_owned(), (*typed).to_owned()));
        }
    }
    let read = Form::read(&json(schema), &pairs).unwrap();
    let value = read
        .json
        .map_or("no JSON".to_owned(), |json| json.to_string());
    let said = format!("{}\n= {value}", sketch(&read.form));
    assert_eq!(unindented(&said), unindented(expect));
}

const ORDER: &str = r#"{"type": "object", "required": ["name", "size"], "properties": {
    "name": {"type": "string"},
    "size": {"type": "integer", "default": 100},
    "note": {"type": ["string", "null"]},
    "at": {"type": "string", "format": "date-time"},
    "lines": {"type": "array", "items": {"type": "object", "required": ["sku"],
        "properties": {"sku": {"type": "string"}, "count": {"type": "integer"}}}}}}"#;

#[test]
fn what_is_typed_stays_right_or_wrong() {
    check_post(
        ORDER,
        r#"{"name": "x", "size": 1}"#,
        &[
            ("/size:value", "a lot"),
            ("/note:give", "on"),
            ("/note:value", "two\r\nlines"),
            ("/at:give", "on"),
            ("/at:date", "2026-13-01"),
            ("/at:zone", "UTC"),
        ],
        r#"
        ! at `at`: `2026-13-01` is no date: write it as `2026-11-25`
        Value * :
          name * [x]
          size * [a lot]
          note [two/lines]
          at [2026-13-01||UTC]
          off: lines 0 items
        = no JSON
        "#,
    );
    check_post(
        ORDER,
        r#"{"name": "x", "size": 1}"#,
        &[("/size:value", "a lot")],
        r#"
        Value * :
          name * [x]
          size * [a lot]
          off: note []
          off: at [||]
          off: lines 0 items
        = {"name":"x","size":"a lot"}
        "#,
    );
}

#[test]
fn a_required_field_that_stays_empty_is_missing() {
    check_post(
        ORDER,
        "{}",
        &[("/size:value", "")],
        r#"
        Value * :
          name * []
          size * []
          off: note []
          off: at [||]
          off: lines 0 items
        = {}
        "#,
    );
    // An empty text that was there stays there.
    check_post(
        ORDER,
        r#"{"name": "", "size": 1}"#,
        &[
            ("/note:give", "on"),
            ("/note:null", "on"),
            ("/lines:give", "on"),
        ],
        r#"
        Value * :
          name * []
          size * [1]
          null: note []
          off: at [||]
          lines 0 items
        = {"lines":[],"name":"","note":null,"size":1}
        "#,
    );
}

#[test]
fn what_is_typed_into_a_field_that_is_off_is_asked_about_once() {
    let off = "something is typed here, but “give it” is off: turn it on, or send it again to \
               leave this out";
    let first = [("/note:value", "hello")];
    check_post(
        ORDER,
        r#"{"name": "x", "size": 1}"#,
        &first,
        &format!(
            "
            ! at `note`: {off}
            Value * :
              name * [x]
              size * [1]
              off: note [hello]
              off: at [||]
              off: lines 0 items
            = no JSON
            "
        ),
    );
    let form = Form::of(&json(ORDER), &json(r#"{"name": "x", "size": 1}"#));
    let mut pairs = form.pairs();
    pairs.push(("/note:value".to_owned(), "hello".to_owned()));
    let once = Form::read(&json(ORDER), &pairs).unwrap();
    let twice = Form::read(&json(ORDER), &once.form.pairs()).unwrap();
    assert_eq!(twice.json, Some(json(r#"{"name":"x","size":1}"#)));
}

#[test]
fn items_are_added_and_removed_and_nothing_else_changes() {
    let value = r#"{"name": "x", "size": 1, "lines": [{"sku": "a", "count": 1}, {"sku": "b"}]}"#;
    check_post(
        ORDER,
        value,
        &[
            (":do", "add /lines"),
            ("/size:value", "1x"),
            ("/lines/1/count:value", "7"),
        ],
        r#"
        ! at `count`: something is typed here, but “give it” is off: turn it on, or send it again to leave this out
        Value * :
          name * [x]
          size * [1x]
          off: note []
          off: at [||]
          lines 3 items
            1 * :
              sku * [a]
              count [1]
            2 * :
              sku * [b]
              off: count [7]
            3 * :
              sku * []
              off: count []
        = no JSON
        "#,
    );
    check_post(
        ORDER,
        value,
        &[(":do", "remove /lines/0")],
        r#"
        Value * :
          name * [x]
          size * [1]
          off: note []
          off: at [||]
          lines 1 items
            1 * :
              sku * [b]
              off: count []
        = {"lines":[{"sku":"b"}],"name":"x","size":1}
        "#,
    );
    check_post(
        ORDER,
        value,
        &[(":do", "reset /size")],
        r#"
        Value * :
          name * [x]
          size * [100]
          off: note []
          off: at [||]
          lines 2 items
            1 * :
              sku * [a]
              count [1]
            2 * :
              sku * [b]
              off: count []
        = {"lines":[{"count":1,"sku":"a"},{"sku":"b"}],"name":"x","size":100}
        "#,
    );
}

#[test]
fn a_branch_is_chosen_and_the_others_keep_what_was_typed() {
    check_post(
        TAGGED,
        r#"{"inside": {"via": "chat", "room": 7}}"#,
        &[("/inside:choice", "1"), ("/inside/~o1/to:value", "ada")],
        r#"
        Value * :
          off: by_name none of 2
          inside email of 2
            email * :
              via * = "email"
              to * [ada]
          off: beside none of 2
          off: untagged none of 2
          off: described ( ) Fast ( ) Safe ( ) Slow
        = {"inside":{"to":"ada","via":"email"}}
        "#,
    );
}

/// Presses a button of a form as a browser shows it, after something was typed.
fn press(form: &Form, schema: &str, changes: &[(&str, &str)], button: &str) -> super::Read {
    let mut pairs = pairs_in(&form.html());
    for (name, typed) in changes {
        pairs.retain(|(known, _)| known != name);
        pairs.push(((*name).to_owned(), (*typed).to_owned()));
    }
    if !button.is_empty() {
        pairs.push((":do".to_owned(), button.to_owned()));
    }
    Form::read(&json(schema), &pairs).unwrap()
}

#[track_caller]
fn check_form(form: &Form, expect: &str) {
    assert_eq!(unindented(&sketch(form)), unindented(expect));
}

#[test]
fn both_tabs_have_the_same_values_right_or_wrong() {
    let first = Form::of(&json(ORDER), &json(r#"{"name": "x", "size": 1.0}"#));
    let typed = [("/size:value", "1.50"), ("/note:value", "kept, but off")];
    let shown = press(&first, ORDER, &typed, "json");
    assert_eq!(shown.asked, Asked::ShowJson);
    check_form(
        &shown.form,
        r#"
        ! at `note`: something is typed here, but “give it” is off: turn it on, or send it again to leave this out
        JSON {
          "name": "x",
          "size": 1.50
        }
        "#,
    );
    // Nothing was changed there: what was typed and is off is still there.
    let back = press(&shown.form, ORDER, &[], "form");
    check_form(
        &back.form,
        "
        Value * :
          name * [x]
          size * [1.50]
          off: note [kept, but off]
          off: at [||]
          off: lines 0 items
        ",
    );
    // Other JSON makes other fields.
    let typed = [(":whole", r#"{"name": "y", "size": "many", "more": [1]}"#)];
    let other = press(&shown.form, ORDER, &typed, "form");
    check_form(
        &other.form,
        r#"Value * {{ "name": "y", "size": "many", "more": [ 1 ] }}"#,
    );
    let typed = [(":whole", r#"{"size": 12345678901234567890.10}"#)];
    let other = press(&shown.form, ORDER, &typed, "");
    let expect = json(r#"{"size":12345678901234567890.10}"#);
    assert_eq!((other.asked, other.json), (Asked::Submit, Some(expect)));
}

#[test]
fn what_is_no_json_stays_on_its_tab() {
    let first = Form::of(&json(ORDER), &json(r#"{"name": "x", "size": 1}"#));
    let shown = press(&first, ORDER, &[], "json").form;
    let read = press(&shown, ORDER, &[(":whole", r#"{"name": "x", }"#)], "form");
    assert_eq!(read.json, None);
    check_form(
        &read.form,
        r#"
        ! at `Value`: not JSON: trailing comma at line 1 column 15
        JSON {"name": "x", }
        "#,
    );
    let mended = press(&read.form, ORDER, &[(":whole", r#"{"name": "z"}"#)], "form");
    check_form(
        &mended.form,
        "
        Value * :
          name * [z]
          size * [100]
          off: note []
          off: at [||]
          off: lines 0 items
        ",
    );
}

#[test]
fn a_field_of_json_says_where_it_is_none() {
    let schema = r#"{"type": "object", "properties": {"any": {}, "size": {"type": "integer"}}}"#;
    let form = Form::of(&json(schema), &json(r#"{"any": [1], "size": 1}"#));
    // What would be JSON together is none by itself.
    let typed = [("/any:json", r#"1, "admin": true"#)];
    let read = press(&form, schema, &typed, "");
    assert_eq!(read.json, None);
    check_form(
        &read.form,
        r#"
        ! at `any`: not JSON: trailing characters at line 1 column 2
        Value * :
          any {1, "admin": true}
          size [1]
        "#,
    );
    let shown = press(&form, schema, &typed, "json").form;
    let back = press(&shown, schema, &[], "form").form;
    assert_eq!(back.pairs(), read.form.pairs());
}

/// What `orchestrator::parameters` says of a value, at the fields of its form.
#[track_caller]
fn check_errors(schema: &str, value: &str, expect: &[(&str, &str)]) {
    let parameters = orchestrator::Parameters::new(&json(schema)).unwrap();
    let misfit = parameters.check(&json(value)).unwrap_err();
    let errors = misfit.0.iter().map(|it| (it.pointer(), it.complaint()));
    let form = Form::of(&json(schema), &json(value)).with_errors(&errors.collect::<Vec<_>>());
    let said = form
        .problems
        .iter()
        .map(|it| (it.id.as_str(), it.text.as_str()));
    assert_eq!(said.collect::<Vec<_>>(), expect);
    let html = form.html();
    for (id, text) in expect {
        assert!(html.contains(&format!("href=\"#{id}\"")), "{html}");
        assert!(html.contains(&format!(" id=\"{id}\"")), "{html}");
        let text = text.replace('"', "&#34;").replace('\'', "&#39;");
        assert_eq!(html.matches(&text).count(), 2, "{text} in {html}");
    }
}

#[test]
fn an_error_is_at_the_field_that_it_is_about() {
    check_errors(
        r#"{"type": "object", "properties": {"batch_size": {"type": "integer",
            "minimum": 1, "maximum": 1000}}}"#,
        r#"{"batch_size": 5000}"#,
        &[("f.batch_size", "5000 is above the maximum 1000")],
    );
    check_errors(
        ORDER,
        r#"{"name": 7, "lines": [{"sku": "a"}, {"sku": "b", "count": "x"}]}"#,
        &[
            ("f.name", "expected a string"),
            ("f.size", "missing: expected an integer"),
            ("f.lines.1.count", "\"x\" is not of type \"integer\""),
        ],
    );
    check_errors(
        TAGGED,
        r#"{"by_name": {"Email": {"to": 7}}, "inside": {"via": "email"}, "untagged": ["x"]}"#,
        &[
            ("f.by_name.~o0.Email.to", "7 is not of type \"string\""),
            ("f.inside.~o1.to", "\"to\" is a required property"),
            ("f.untagged", "\"x\" is not of type \"integer\""),
        ],
    );
    check_errors(
        r#"{"type": "object", "additionalProperties": false, "properties": {"a/b~c": {"type":
            "array", "items": {"type": "integer"}}, "when": {"type": "string",
            "format": "date-time", "maxLength": 3}, "mode": {"enum": ["a", "b"]}}}"#,
        r#"{"a/b~c": [1, "x"], "when": "2026-11-25T00:00:00Z"}"#,
        &[
            ("f.a~7e1b~7e0c", "\"x\" is not of type \"integer\""),
            (
                "f.when",
                "\"2026-11-25T00:00:00Z\" is longer than 3 characters",
            ),
        ],
    );
    check_errors(
        r#"{"type": "object", "additionalProperties": false, "properties": {"name": {}}}"#,
        r#"{"nme": 1}"#,
        &[("f", "unknown parameter `nme`: did you mean `name`?")],
    );
}

#[test]
fn a_form_in_html() {
    let schema = r#"{"type": "object", "required": ["batch_size", "mode"], "properties": {
        "batch_size": {"type": "integer", "minimum": 1, "maximum": 1000, "default": 100},
        "mode": {"enum": ["fast", "safe"]},
        "since": {"type": "string", "format": "date-time", "description": "Orders from then on"},
        "notify": {"type": "object", "required": ["email"], "properties": {
            "email": {"type": "string", "format": "email"},
            "level": {"enum": ["debug", "info", "warn", "error", "never"]}}}}}"#;
    let value = r#"{"batch_size": 5000, "mode": "fast", "since": "2026-11-25T00:00:00+01:00",
        "notify": {"email": "ops@example.com", "level": "warn"}}"#;
    let errors = [(
        "/batch_size".to_owned(),
        "5000 is above the maximum 1000".to_owned(),
    )];
    let form = Form::of(&json(schema), &json(value)).with_errors(&errors);
    insta::assert_snapshot!(lines_of(&form.html()));
}

#[test]
fn unions_lists_and_json_in_html() {
    let schema = r#"{"type": "object", "properties": {
        "to": {"oneOf": [
            {"type": "object", "required": ["via", "room"], "properties":
                {"via": {"const": "chat"}, "room": {"type": ["string", "null"]}}},
            {"type": "integer"}]},
        "people": {"type": "array", "items": {"type": "object", "required": ["name"],
            "properties": {"name": {"type": "string", "title": "The <b>name</b>"}}}},
        "tags": {"type": "array", "items": {"type": "string"}},
        "labels": {"type": "object", "additionalProperties": {"type": "string"}}}}"#;
    let value = r#"{"to": {"via": "chat", "room": null}, "people": [{"name": "Ada\nL"}],
        "tags": ["a", "b"]}"#;
    let form = Form::of(&json(schema), &json(value));
    insta::assert_snapshot!(lines_of(&form.html()));
    let shown = press(&form, schema, &[], "json").form;
    insta::assert_snapshot!(lines_of(&shown.html()));
}

/// A line for each element, for people.
fn lines_of(html: &str) -> String {
    let lines = html.replace("><", ">\n<");
    let lines = lines.lines().filter(|line| !line.trim().is_empty());
    lines.collect::<Vec<_>>().join("\n")
}
