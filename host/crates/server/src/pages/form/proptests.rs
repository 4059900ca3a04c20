//! Whatever a schema says: a value that fits it goes through the form unchanged.

use std::fmt::Write;

use model::Json;
use proptest::prelude::*;
use proptest::sample::select;

use super::posted::Unreadable;
use super::whole::Form;

/// A schema, and the JSON of a value that fits it.
type Case = (String, String);

fn string() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z ]{0,6}",
        any::<String>(),
        select(vec![
            "", "\n", "a\nb", "\r\n", "\0", " x ", "7", "null", "<b>", "\u{202e}"
        ])
        .prop_map(str::to_owned),
    ]
}

fn number() -> impl Strategy<Value = String> {
    prop_oneof![
        "-?(0|[1-9][0-9]{0,25})",
        "-?(0|[1-9][0-9]{0,5})[.][0-9]{1,20}",
        "-?[1-9][eE][+-]?[0-9]{1,2}",
    ]
}

fn quoted(text: &str) -> String {
    Json::string(text).to_string()
}

fn annotations() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => Just(String::new()),
        1 => string().prop_map(|title| format!(r#","title":{}"#, quoted(&title))),
        1 => string().prop_map(|about| format!(r#","description":{}"#, quoted(&about))),
        1 => any_json().prop_map(|default| format!(r#","default":{default}"#)),
        1 => Just(r#","minimum":1,"maxLength":9,"pattern":"^a""#.to_owned()),
        1 => Just(r#","$comment":"not for people","x-unknown":true"#.to_owned()),
    ]
}

/// Any JSON at all.
fn any_json() -> impl Strategy<Value = String> {
    let scalar = prop_oneof![
        select(vec!["null", "true", "false"]).prop_map(str::to_owned),
        number(),
        string().prop_map(|text| quoted(&text)),
    ];
    scalar.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3)
                .prop_map(|items| format!("[{}]", items.join(","))),
            prop::collection::btree_map(string(), inner, 0..3).prop_map(object),
        ]
    })
}

fn object(members: std::collections::BTreeMap<String, String>) -> String {
    let members = members
        .iter()
        .map(|(name, value)| format!("{}:{value}", quoted(name)));
    format!("{{{}}}", members.collect::<Vec<_>>().join(","))
}

fn scalar() -> impl Strategy<Value = Case> {
    let moment = prop_oneof![
        string(),
        "20[0-9]{2}-0[1-9]-[0-2][0-9]T[0-2][0-9]:[0-5][0-9]:[0-5][0-9](Z|[+-]0[0-9]:30)",
    ];
    prop_oneof![
        string().prop_map(|text| (r#""type":"string""#.to_owned(), quoted(&text))),
        (string(), select(vec!["date", "email", "uri", "uuid"]))
            .prop_map(|(text, format)| (typed("string", format), quoted(&text))),
        moment.prop_map(|text| (typed("string", "date-time"), quoted(&text))),
        number().prop_map(|number| (r#""type":"number""#.to_owned(), number)),
        "-?(0|[1-9][0-9]{0,25})".prop_map(|number| (typed("integer", "int64"), number)),
        any::<bool>().prop_map(|flag| (r#""type":"boolean""#.to_owned(), flag.to_string())),
        Just((r#""type":"null""#.to_owned(), "null".to_owned())),
        any_json().prop_map(|value| (format!(r#""const":{value}"#), value)),
        (
            prop::collection::vec(any_json(), 1..7),
            any::<prop::sample::Index>()
        )
            .prop_map(|(options, chosen)| {
                let chosen = options[chosen.index(options.len())].clone();
                (format!(r#""enum":[{}]"#, options.join(",")), chosen)
            }),
        any_json().prop_map(|value| (r#""title":"anything""#.to_owned(), value)),
        any_json().prop_map(|value| (r#""not":{"type":"never"}"#.to_owned(), value)),
        prop::collection::btree_map(string(), string().prop_map(|text| quoted(&text)), 0..3)
            .prop_map(|map| {
                let schema = r#""type":"object","additionalProperties":{"type":"string"}"#;
                (schema.to_owned(), object(map))
            }),
    ]
}

fn typed(kind: &str, format: &str) -> String {
    format!(r#""type":"{kind}","format":"{format}""#)
}

/// The keywords of a schema without braces, and a value.
fn cases() -> impl Strategy<Value = Case> {
    let leaf = (scalar(), annotations()).prop_map(|((schema, value), more)| {
        // A keyword that is there twice would be another schema.
        let is_twice = more.contains("\"title\"") && schema.contains("\"title\"");
        (if is_twice { schema } else { schema + &more }, value)
    });
    leaf.prop_recursive(5, 24, 4, |inner| {
        prop_oneof![
            3 => members(inner.clone()),
            1 => list(inner.clone()),
            1 => nullable(inner.clone()),
            2 => union(inner.clone()),
            1 => tagged(inner.clone()),
            1 => inner.prop_map(|(schema, value)| (format!(r#""allOf":[{{{schema}}}]"#), value)),
        ]
    })
}

/// An object: each member is required, optional and there, or optional and not there.
fn members(inner: impl Strategy<Value = Case>) -> impl Strategy<Value = Case> {
    let member = (inner, 0..3u8, any::<bool>());
    let members = prop::collection::btree_map(string(), member, 0..4);
    (members, any::<bool>()).prop_map(|(members, is_closed)| {
        let (mut properties, mut required, mut value) = (Vec::new(), Vec::new(), Vec::new());
        for (name, ((schema, of), presence, _)) in &members {
            let name = quoted(name);
            properties.push(format!("{name}:{{{schema}}}"));
            if *presence == 0 {
                required.push(name.clone());
            }
            if *presence < 2 {
                value.push(format!("{name}:{of}"));
            }
        }
        let mut schema = format!(
            r#""type":"object","properties":{{{}}},"required":[{}]"#,
            properties.join(","),
            required.join(",")
        );
        if is_closed {
            schema.push_str(r#","additionalProperties":false"#);
        }
        (schema, format!("{{{}}}", value.join(",")))
    })
}

/// A list of equal items, as a schema has no value of its own to vary.
fn list(inner: impl Strategy<Value = Case>) -> impl Strategy<Value = Case> {
    (inner, 0..4usize).prop_map(|((schema, value), count)| {
        let items = vec![value; count].join(",");
        (
            format!(r#""type":"array","items":{{{schema}}}"#),
            format!("[{items}]"),
        )
    })
}

fn nullable(inner: impl Strategy<Value = Case>) -> impl Strategy<Value = Case> {
    (inner, any::<bool>()).prop_map(|((schema, value), is_null)| {
        let schema = format!(r#""anyOf":[{{{schema}}},{{"type":"null"}}]"#);
        (schema, if is_null { "null".to_owned() } else { value })
    })
}

fn union(inner: impl Strategy<Value = Case> + 'static) -> impl Strategy<Value = Case> {
    let branches = prop::collection::vec(inner, 1..4);
    (branches, any::<prop::sample::Index>(), any::<bool>()).prop_map(|(branches, at, is_any)| {
        let value = branches[at.index(branches.len())].1.clone();
        let branches: Vec<String> = branches
            .iter()
            .map(|(schema, _)| format!("{{{schema}}}"))
            .collect();
        let word = if is_any { "anyOf" } else { "oneOf" };
        (format!(r#""{word}":[{}]"#, branches.join(",")), value)
    })
}

/// A tagged variant, whose other member is in a definition.
fn tagged(inner: impl Strategy<Value = Case>) -> impl Strategy<Value = Case> {
    (inner, select(vec!["a", "b"])).prop_map(|((schema, value), tag)| {
        let mut branches = String::new();
        for tag in ["a", "b"] {
            write!(
                branches,
                r#"{{"type":"object","required":["tag","of"],"properties":
                    {{"tag":{{"const":"{tag}"}},"of":{{{schema}}}}}}},"#
            )
            .unwrap();
        }
        let branches = branches.trim_end_matches(',');
        let value = format!(r#"{{"tag":"{tag}","of":{value}}}"#);
        (format!(r#""oneOf":[{branches}]"#), value)
    })
}

fn names() -> impl Strategy<Value = String> {
    let path = select(vec![
        "", "/a", "/a/0", "/a/~o1", "/a/~o0/b", "/b", "/c/0/d", "/",
    ]);
    let role = select(vec![
        "give", "null", "value", "date", "time", "zone", "choice", "items", "json", "unset", "was",
        "do", "tab", "whole", "x",
    ]);
    prop_oneof![
        (path, role).prop_map(|(path, role)| format!("{path}:{role}")),
        any::<String>()
    ]
}

fn texts() -> impl Strategy<Value = String> {
    prop_oneof![
        string(),
        any_json(),
        select(vec![
            "on",
            "0",
            "1",
            "999999999",
            "json",
            "form",
            "add /a",
            "remove /a/0",
            "reset "
        ])
        .prop_map(str::to_owned),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn a_value_that_fits_comes_back_the_same((schema, value) in cases()) {
        let schema = Json::parse(format!("{{{schema}}}")).unwrap();
        let value = Json::parse(value).unwrap();
        let expect = Json::tidy(value.as_str()).unwrap();
        let form = Form::of(&schema, &value);
        let read = Form::read(&schema, &form.pairs()).unwrap();
        prop_assert_eq!(read.json.as_ref(), Some(&expect), "{:#?}", form.root);

        // Browsers post every line end as two characters.
        let posted = form.pairs().into_iter().map(|(name, value)| {
            (name, value.replace('\n', "\r\n"))
        });
        let read = Form::read(&schema, &posted.collect::<Vec<_>>()).unwrap();
        prop_assert_eq!(read.json.as_ref(), Some(&expect));

        // The same by way of the other tab, and back.
        let mut pairs = form.pairs();
        pairs.push((":do".to_owned(), "json".to_owned()));
        let shown = Form::read(&schema, &pairs).unwrap().form;
        let mut pairs = shown.pairs();
        pairs.push((":tab".to_owned(), "json".to_owned()));
        pairs.push((":whole".to_owned(), shown.json.replace('\n', "\r\n")));
        pairs.push((":do".to_owned(), "form".to_owned()));
        let back = Form::read(&schema, &pairs).unwrap();
        prop_assert_eq!(back.json, Some(expect));
        prop_assert_eq!(back.form.pairs(), form.pairs());
    }

    #[test]
    fn whatever_is_posted_is_read(
        (schema, _) in cases(),
        of in cases(),
        posted in prop::collection::vec((names(), texts()), 0..20),
    ) {
        let (other, value) = of;
        let schema = Json::parse(format!(r#"{{"type":"object","properties":{{"a":{{{schema}}},"b":{{{other}}}}}}}"#)).unwrap();
        let mut pairs = Form::of(&schema, &Json::parse(format!(r#"{{"b":{value}}}"#)).unwrap()).pairs();
        pairs.extend(posted);
        let read = match Form::read(&schema, &pairs) {
            // More fields than can be drawn are asked for.
            Err(Unreadable::Drawn) => return Ok(()),
            read => read.unwrap(),
        };
        // What was typed is there again.
        let again = Form::read(&schema, &read.form.pairs()).unwrap();
        prop_assert_eq!(read.form.pairs(), again.form.pairs());
    }

    #[test]
    fn a_value_that_does_not_fit_is_not_lost((schema, _) in cases(), value in any_json()) {
        let schema = Json::parse(format!("{{{schema}}}")).unwrap();
        let value = Json::parse(value).unwrap();
        let form = Form::of(&schema, &value);
        prop_assert!(Form::read(&schema, &form.pairs()).is_ok());
    }
}
