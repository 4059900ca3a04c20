//! What the run was given, what it returned, and by which component.

use askama::Template;
use model::Priority;
use operations::view::FlowRunView;

use crate::pages::cx::html;
use crate::pages::parts::Pair;
use crate::pages::show::Value;

#[derive(Template)]
#[template(path = "tab_values.html")]
struct Values {
    parameters: Value,
    result: Option<Value>,
    pairs: Vec<Pair>,
}

pub fn tab(run: &FlowRunView) -> String {
    let id = run.id;
    let result = run.result.as_ref().map(|result| {
        let href = format!("/flow-runs/{id}/values/result.json");
        Value::json(result, href, &format!("{}-result.json", run.name))
    });
    let mut pairs = vec![
        Pair::new("Flow", run.flow.to_string()),
        Pair::new("Component", run.component.to_string())
            .to(format!("/components/{}", run.component)),
        Pair::new("Created", run.created.to_string()),
        Pair::new("Scheduled", run.scheduled.to_string()),
    ];
    if let Some(started) = run.started {
        pairs.push(Pair::new("Started", started.to_string()));
    }
    if let Some(ended) = run.ended {
        pairs.push(Pair::new("Ended", ended.to_string()));
    }
    if let Some(queue) = &run.work_queue {
        pairs.push(Pair::new("Work queue", queue.as_str()));
    }
    if run.priority != Priority::default() {
        pairs.push(Pair::new("Priority", run.priority.to_string()));
    }
    if !run.tags.is_empty() {
        pairs.push(Pair::new("Tags", run.tags.join(", ")));
    }
    if let Some(within) = run.within {
        pairs.push(Pair::new("Part of", within.to_string()).to(format!("/flow-runs/{within}")));
    }
    html(&Values {
        parameters: Value::json(
            &run.parameters,
            format!("/flow-runs/{id}/values/parameters.json"),
            &format!("{}-parameters.json", run.name),
        ),
        result,
        pairs,
    })
}
