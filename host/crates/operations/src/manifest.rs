//! What the types cannot say of a component's manifest.

use std::collections::HashSet;

use model::{
    CatchUp, DeclaredSchedule, Json, Manifest, Overlap, ScheduleRule, Timestamp, Timetable,
};
use orchestrator::Parameters;
use orchestrator::calendar::Calendar;

/// Why a manifest cannot stand. Its text completes a sentence that begins with the file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ManifestRefusal {
    #[error("it declares two {kind}s named `{name}`")]
    Twins { kind: &'static str, name: String },
    #[error("it declares no flow")]
    NoFlow,
    #[error("it declares the {kind} `{name}`: {reason}")]
    Declaration {
        kind: &'static str,
        name: String,
        reason: String,
    },
}

impl ManifestRefusal {
    /// What to do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::NoFlow => "a flow crate depends on `guest-sdk` and has at least one `#[flow]`",
            Self::Twins { .. } => "give one of them another name: `#[flow(name = \"..\")]`",
            Self::Declaration { .. } => "change the declaration in `#[flow(..)]` or `#[task(..)]`",
        }
    }
}

/// Checks that names are unique, that there is a flow, and that schemas are valid.
pub fn check(manifest: &Manifest) -> Result<(), ManifestRefusal> {
    if manifest.flows.is_empty() {
        return Err(ManifestRefusal::NoFlow);
    }
    let flows = manifest
        .flows
        .iter()
        .map(|flow| ("flow", flow.name.as_str()));
    let tasks = manifest
        .tasks
        .iter()
        .map(|task| ("task", task.name.as_str()));
    let mut seen = HashSet::new();
    for (kind, name) in flows.chain(tasks) {
        if !seen.insert((kind, name)) {
            return Err(ManifestRefusal::Twins {
                kind,
                name: name.to_owned(),
            });
        }
    }
    for flow in &manifest.flows {
        Parameters::new(&flow.schema.parameters).map_err(|reason| {
            ManifestRefusal::Declaration {
                kind: "flow",
                name: flow.name.to_string(),
                reason: format!("its parameter schema is invalid: {reason}"),
            }
        })?;
    }
    for flow in &manifest.flows {
        for schedule in &flow.options.schedules {
            check_schedule(schedule).map_err(|reason| ManifestRefusal::Declaration {
                kind: "flow",
                name: flow.name.to_string(),
                reason: format!("its schedule is invalid: {reason}"),
            })?;
        }
    }
    Ok(())
}

/// Whether it can be followed. Whether it has slots to come depends on when it is deployed.
fn check_schedule(declared: &DeclaredSchedule) -> Result<(), String> {
    let anchor = Timestamp(0);
    let timetable = match (&declared.cron, declared.interval_ms, &declared.rrule) {
        (Some(line), None, None) => Timetable::Cron(line.clone()),
        (None, Some(every_ms), None) => Timetable::Interval { every_ms, anchor },
        (None, None, Some(rule)) => Timetable::Rrule {
            rule: rule.clone(),
            anchor,
        },
        _ => return Err("it is one of cron, interval and rrule".to_owned()),
    };
    let rule = ScheduleRule {
        timetable,
        timezone: declared
            .timezone
            .clone()
            .unwrap_or_else(|| "UTC".to_owned()),
        parameters: Json::empty_object(),
        start: None,
        end: None,
        catch_up: CatchUp::default(),
        overlap: Overlap::default(),
    };
    Calendar::new(&rule)
        .map(drop)
        .map_err(|err| err.to_string())
}
