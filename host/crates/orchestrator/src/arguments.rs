//! A task's arguments, once everything they refer to has settled.

use model::{Argument, Failure, FailureKind, Json, Seq, Settlement, TaskCall};

/// Checks that everything that a task needs has succeeded, and that its arguments are at most
/// `bytes_max` together. Errs with kind `Upstream` or `Limit` if not. `settlement` must know
/// every call that the task needs.
pub fn check_arguments(
    call: &TaskCall,
    settlement: impl Fn(Seq) -> Option<Settlement>,
    bytes_max: usize,
) -> Result<(), Failure> {
    let result = |seq: Seq| {
        let settled = settlement(seq).ok_or_else(|| upstream(call, "has not ended"))?;
        settled
            .value()
            .map_err(|failure| upstream(call, &format!("failed: {failure}")))
    };
    for seq in &call.wait_for {
        result(*seq)?;
    }
    let mut bytes = 0;
    for (_, argument) in &call.arguments {
        bytes += match argument {
            Argument::Value(value) => value.as_str().len(),
            Argument::ResultOf(seq) => result(*seq)?.as_str().len(),
            Argument::ResultsOf(seqs) => {
                let mut sum = 0;
                for seq in seqs {
                    sum += result(*seq)?.as_str().len() + 1;
                }
                sum
            }
        };
    }
    if bytes <= bytes_max {
        return Ok(());
    }
    let message = format!(
        "the arguments of task `{}` are {bytes} bytes; the limit on a JSON text is {bytes_max} bytes",
        call.task
    );
    Err(Failure::new(FailureKind::Limit, message))
}

/// The object of arguments by name, of a task whose arguments were checked.
pub fn task_arguments(call: &TaskCall, settlement: impl Fn(Seq) -> Option<Settlement>) -> Json {
    let result = |seq: Seq| {
        let value = settlement(seq).and_then(|settled| settled.value().ok());
        value.unwrap_or_else(Json::null)
    };
    // Built as text: values are passed on without being read.
    let mut text = String::from("{");
    for (at, (name, argument)) in call.arguments.iter().enumerate() {
        if at > 0 {
            text.push(',');
        }
        text.push_str(&serde_json::Value::from(name.as_str()).to_string());
        text.push(':');
        match argument {
            Argument::Value(value) => text.push_str(value.as_str()),
            Argument::ResultOf(seq) => text.push_str(result(*seq).as_str()),
            Argument::ResultsOf(seqs) => {
                text.push('[');
                for (at, seq) in seqs.iter().enumerate() {
                    if at > 0 {
                        text.push(',');
                    }
                    text.push_str(result(*seq).as_str());
                }
                text.push(']');
            }
        }
    }
    text.push('}');
    Json::trusted(text)
}

fn upstream(call: &TaskCall, what: &str) -> Failure {
    Failure::new(
        FailureKind::Upstream,
        format!(
            "task `{}` did not run, because what it needs {what}",
            call.task
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{TaskName, TaskOptions};

    fn call(arguments: Vec<(&str, Argument)>, wait_for: Vec<Seq>) -> TaskCall {
        TaskCall {
            task: TaskName::trusted("load"),
            arguments: arguments
                .into_iter()
                .map(|(name, argument)| (name.to_owned(), argument))
                .collect(),
            wait_for,
            options: TaskOptions::default(),
            scope: None,
        }
    }

    /// Calls 1 and 2 returned their own number, call 3 failed.
    fn settlement(seq: Seq) -> Option<Settlement> {
        Some(Settlement::Task(match seq.0 {
            3 => Err(Failure::new(FailureKind::Error, "no route")),
            n => Ok(Json::trusted(n.to_string())),
        }))
    }

    #[test]
    fn results_take_the_place_of_what_refers_to_them() {
        let call = call(
            vec![
                ("a", Argument::Value(Json::trusted("\"x\""))),
                ("b", Argument::ResultOf(Seq(1))),
                ("c", Argument::ResultsOf(vec![Seq(2), Seq(1)])),
            ],
            vec![Seq(2)],
        );
        assert_eq!(
            task_arguments(&call, settlement).as_str(),
            r#"{"a":"x","b":1,"c":[2,1]}"#
        );
    }

    #[test]
    fn what_failed_upstream_is_named() {
        let call = call(vec![], vec![Seq(3)]);
        let failure = check_arguments(&call, settlement, 100).unwrap_err();
        assert_eq!(failure.kind, FailureKind::Upstream);
        assert_eq!(
            failure.message,
            "task `load` did not run, because what it needs failed: no route"
        );
    }

    #[test]
    fn arguments_have_a_limit_together() {
        let seqs = vec![Seq(1); 10];
        let many = call(vec![("a", Argument::ResultsOf(seqs))], vec![]);
        assert_eq!(check_arguments(&many, settlement, 20), Ok(()));
        let failure = check_arguments(&many, settlement, 19).unwrap_err();
        assert_eq!(
            failure.message,
            "the arguments of task `load` are 20 bytes; the limit on a JSON text is 19 bytes"
        );
    }
}
