//! A server with a worker, and things to look at.

use std::time::Duration;

use serde_json::{Value, json};
use test_support::{Home, Server, eventually, guest};

/// How long something may take that takes a moment.
pub const SOON: Duration = Duration::from_secs(60);

pub struct Scene {
    // The server ends before its home is looked through for what is left.
    pub server: Server,
    pub home: Home,
}

impl Scene {
    /// Nothing is deployed.
    pub fn empty() -> Self {
        let home = Home::new(env!("CARGO_BIN_EXE_orch-host")).with_compiled_code();
        let server = Server::start(&home, &["--worker"]);
        Self { server, home }
    }

    /// With these components deployed.
    pub fn with(components: &[&str]) -> Self {
        let scene = Self::empty();
        for component in components {
            let path = guest(component).display().to_string();
            scene.home.run(["deploy", &path]).ok();
        }
        scene
    }

    pub fn base(&self) -> String {
        format!("http://{}", self.server.address)
    }

    pub fn token(&self) -> String {
        self.server.token.clone()
    }

    /// Starts a run of the flow. Its id.
    pub fn start(&self, flow: &str, parameters: Value) -> String {
        let path = format!("/v1/deployments/{flow}/{flow}-deployment/runs");
        let run = self.server.post(&path, &json!({"parameters": parameters}));
        run["id"].as_str().unwrap().to_owned()
    }

    /// Waits until so many runs wait.
    pub fn until_waiting(&self, count: usize) {
        eventually(SOON, || {
            let waiting = self.server.get("/v1/flow-runs?state=WAITING");
            waiting["items"].as_array().unwrap().len() == count
        });
    }

    /// Waits until the run is in a state of this type.
    pub fn until(&self, run: &str, state: &str) {
        let path = format!("/v1/flow-runs/{run}");
        eventually(SOON, || self.server.get(&path)["state"]["type"] == state);
    }
}
