//! Every form of the SDK. The flows check their results themselves: a run of one completes
//! exactly when the promise it is named after holds.

use super::{deploy, home, worker};

/// Every flow of the component `forms`, each on a worker, as any user would run it.
#[test]
fn every_form_of_the_sdk_works() {
    let home = home();
    deploy(&home, "forms", &[]);
    let _worker = worker(&home, &["--limit", "4"]);
    let component = home.run(["component", "ls", "-o", "json"]).ok().json();
    let flows = component[0]["manifest"]["flows"]
        .as_array()
        .unwrap()
        .clone();
    assert!(flows.len() > 10, "{component}");
    for flow in flows {
        let name = flow["name"].as_str().unwrap();
        let parameters: &[&str] = match name {
            "echo" => &["-p", "value=hi"],
            "idempotency-key" => &["-p", "key=once"],
            "work-queue" => &["-p", "name=q"],
            _ => &[],
        };
        let deployment = format!("{name}/{name}-deployment");
        let mut args = vec!["deployment", "run", &deployment, "--watch"];
        args.extend(parameters);
        home.run(args).ok();
    }
}
