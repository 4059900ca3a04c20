//! How the component describes itself: well, or with one field of the size that a test has
//! written into the component's file.

use std::hint::black_box;

use crate::bindings::{guest, tasks};
use crate::fields::{no_options, set_option, text};

/// A test overwrites this in the file: what stands behind the colon, up to the first space.
#[used]
static ORDER: [u8; 72] =
    *b"ORDER:                                                                  ";

/// The order, as `what size`.
fn order() -> (String, u64) {
    let order = black_box(&ORDER);
    let order = String::from_utf8_lossy(&order[b"ORDER:".len()..]).into_owned();
    let mut words = order.split_ascii_whitespace();
    let what = words.next().unwrap_or_default().to_owned();
    let size = words.next().and_then(|size| size.parse().ok());
    (what, size.unwrap_or_default())
}

pub fn manifest() -> guest::Manifest {
    let (what, size) = order();
    let mut manifest = guest::Manifest {
        flows: vec![flow("raw"), flow("nothing")],
        tasks: vec![task("raw-task"), task("nothing")],
    };
    match what.as_str() {
        "" => {}
        "manifest.flows" => {
            manifest.flows = (0..size).map(|at| flow(&format!("flow-{at}"))).collect();
        }
        "manifest.tasks" => {
            manifest.tasks = (0..size).map(|at| task(&format!("task-{at}"))).collect();
        }
        // None of them keeps its word.
        "promises" => {
            manifest.flows[1].schema.result = r#"{"type":"number"}"#.to_owned();
            manifest.tasks[0].schema.result = r#"{"type":"string"}"#.to_owned();
        }
        "all-parts" => all_parts(&mut manifest, size),
        what => {
            let (record, field) = what.split_once('.').unwrap_or((what, ""));
            let known = match record {
                "flow-description" => set_flow(&mut manifest.flows[0], field, size),
                "task-description" => set_task(&mut manifest.tasks[0], field, size),
                "parameter-schema" => set_schema(&mut manifest.flows[0].schema, field, size),
                "flow-options" => set_flow_option(&mut manifest.flows[0].options, field, size),
                "task-options" => set_option(&mut manifest.tasks[0].options, field, size),
                "schema" => {
                    manifest.flows[1].schema.parameters = hard_schema(field, size);
                    true
                }
                _ => false,
            };
            assert!(known, "no field of a manifest is `{what}`");
        }
    }
    manifest
}

/// Each part is within its limit, and all of them together are `size` bytes.
fn all_parts(manifest: &mut guest::Manifest, size: u64) {
    let part = 60_000;
    manifest.flows = (0..size / part)
        .map(|at| guest::FlowDescription {
            description: Some(text(part)),
            ..flow(&format!("flow-{at}"))
        })
        .collect();
}

fn any() -> guest::ParameterSchema {
    guest::ParameterSchema {
        parameters: r#"{"type":"object"}"#.to_owned(),
        result: "true".to_owned(),
    }
}

fn flow(name: &str) -> guest::FlowDescription {
    guest::FlowDescription {
        name: name.to_owned(),
        description: None,
        version: None,
        schema: any(),
        options: guest::FlowOptions {
            retries: 0,
            retry_delays: Vec::new(),
            retry_jitter: None,
            timeout: None,
        },
    }
}

fn task(name: &str) -> guest::TaskDescription {
    guest::TaskDescription {
        name: name.to_owned(),
        description: None,
        version: None,
        schema: any(),
        options: no_options(),
    }
}

fn set_flow(flow: &mut guest::FlowDescription, field: &str, size: u64) -> bool {
    match field {
        "name" => flow.name = text(size),
        "description" => flow.description = Some(text(size)),
        "version" => flow.version = Some(text(size)),
        _ => return false,
    }
    true
}

fn set_task(task: &mut guest::TaskDescription, field: &str, size: u64) -> bool {
    match field {
        "name" => task.name = text(size),
        "description" => task.description = Some(text(size)),
        "version" => task.version = Some(text(size)),
        _ => return false,
    }
    true
}

fn set_flow_option(options: &mut guest::FlowOptions, field: &str, size: u64) -> bool {
    let mut same = tasks::TaskOptions {
        retries: Some(options.retries),
        ..no_options()
    };
    let known = set_option(&mut same, field, size);
    options.retries = same.retries.unwrap_or_default();
    options.retry_delays = same.retry_delays;
    options.retry_jitter = same.retry_jitter;
    options.timeout = same.timeout;
    known
}

fn set_schema(schema: &mut guest::ParameterSchema, field: &str, size: u64) -> bool {
    let titled = || {
        let title = text(size - r#"{"title":""}"#.len() as u64);
        format!(r#"{{"title":"{title}"}}"#)
    };
    match field {
        "parameters" => schema.parameters = titled(),
        "result" => schema.result = titled(),
        _ => return false,
    }
    true
}

/// Schemas that are small, and take long to check or to compile.
fn hard_schema(kind: &str, size: u64) -> String {
    match kind {
        // Each definition asks for the next one twice.
        "doubling" => {
            let parts = (0..size).map(|at| {
                let next = format!(r##"{{"$ref":"#/$defs/d{}"}}"##, at + 1);
                format!(r#""d{at}":{{"allOf":[{next},{next}]}}"#)
            });
            let parts = parts.collect::<Vec<_>>().join(",");
            format!(
                r##"{{"type":"object","properties":{{"x":{{"$ref":"#/$defs/d0"}}}},"$defs":{{{parts},"d{size}":{{"type":"object"}}}}}}"##
            )
        }
        "doubling-at-the-root" => {
            let parts = (0..size).map(|at| {
                let next = format!(r##"{{"$ref":"#/$defs/d{}"}}"##, at + 1);
                format!(r#""d{at}":{{"allOf":[{next},{next}]}}"#)
            });
            let parts = parts.collect::<Vec<_>>().join(",");
            format!(
                r##"{{"$ref":"#/$defs/d0","$defs":{{{parts},"d{size}":{{"type":"object"}}}}}}"##
            )
        }
        // Refers to itself without going into the value.
        "circle" => r##"{"allOf":[{"$ref":"#"}]}"##.to_owned(),
        // Each level of the value doubles the work.
        "tree" => {
            let side = r##"{"properties":{"x":{"$ref":"#/$defs/t"}}}"##;
            format!(
                r##"{{"properties":{{"x":{{"$ref":"#/$defs/t"}}}},"$defs":{{"t":{{"allOf":[{side},{side}]}}}}}}"##
            )
        }
        "deep" => {
            let (open, close) = (r#"{"not":"#, "}");
            let depth = size as usize;
            format!("{}true{}", open.repeat(depth), close.repeat(depth))
        }
        "pattern" => r#"{"properties":{"x":{"pattern":"^(a+)+$"}}}"#.to_owned(),
        "big-pattern" => {
            r#"{"properties":{"x":{"pattern":"^((a{1,500}){1,500}){1,500}$"}}}"#.to_owned()
        }
        "references" => {
            let one = r##"{"$ref":"#/$defs/one"}"##;
            let all = vec![one; size as usize].join(",");
            format!(r#"{{"anyOf":[{all}],"$defs":{{"one":{{"type":"object"}}}}}}"#)
        }
        "outside" => r#"{"$ref":"file:///etc/passwd"}"#.to_owned(),
        other => panic!("no schema is called `{other}`"),
    }
}
