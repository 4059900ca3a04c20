//! A headless Chromium that a story drives, and what must hold of every page that it shows.
//!
//! ```text
//! story --WebDriver--> chromedriver --> chromium --HTTP--> orch-host server
//! ```
//!
//! After each page: nothing on the console, nothing loaded from another host, no layout that
//! jumps, no violation that axe-core finds.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use fantoccini::wd::WebDriverCompatibleCommand;
use fantoccini::{Client, ClientBuilder, Locator};
use serde_json::{Value, json};
use test_support::{Group, left_out};

/// How long something may take that takes a moment.
const SOON: Duration = Duration::from_secs(30);
/// A page may move by so much of its area, over all of its life.
const SHIFT_MAX: f64 = 0.02;

/// How a page is looked at.
#[derive(Clone, Copy, Debug)]
pub struct Look {
    pub width: u32,
    pub height: u32,
    pub dark: bool,
    pub script: bool,
}

impl Look {
    pub const WIDE: Self = Self {
        width: 1280,
        height: 900,
        dark: false,
        script: true,
    };
    pub const NARROW: Self = Self {
        width: 360,
        height: 740,
        ..Self::WIDE
    };

    pub fn without_script(self) -> Self {
        Self {
            script: false,
            ..self
        }
    }

    /// Every way in which a page has to be good.
    pub const ALL: [Self; 6] = [
        Self::WIDE,
        Self {
            dark: true,
            ..Self::WIDE
        },
        Self::NARROW,
        Self {
            dark: true,
            ..Self::NARROW
        },
        Self {
            script: false,
            ..Self::WIDE
        },
        Self {
            script: false,
            ..Self::NARROW
        },
    ];

    pub fn name(self) -> String {
        let theme = if self.dark { "dark" } else { "light" };
        let script = if self.script { "" } else { "-plain" };
        format!("{}-{theme}{script}", self.width)
    }
}

/// Where the programs are, if they are installed.
pub fn installed() -> Option<(PathBuf, PathBuf)> {
    Some((on_path("chromium")?, on_path("chromedriver")?))
}

fn on_path(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let mut found = std::env::split_paths(&path).map(|dir| dir.join(program));
    found.find(|file| file.is_file())
}

pub struct Browser {
    pub client: Client,
    // Ends with the browser, and so does what it has started.
    _driver: Group,
    _profile: tempfile::TempDir,
    base: String,
}

impl Browser {
    /// None where Chromium is not installed.
    pub async fn open(look: Look, base: &str) -> Option<Self> {
        let (chromium, driver) = installed()?;
        let profile = tempfile::Builder::new()
            .prefix("orch-browser-")
            .tempdir()
            .unwrap();
        let mut command = Command::new(driver);
        command
            .arg("--port=0")
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        // Files that it leaves go away with the story.
        command
            .env("TMPDIR", profile.path())
            .env("HOME", profile.path());
        let mut driver = Group::spawn(&mut command).unwrap();
        let port = port_of(&mut driver);
        let capabilities = capabilities(&chromium, profile.path(), look);
        let client = ClientBuilder::new(hyper_util::client::legacy::connect::HttpConnector::new())
            .capabilities(capabilities)
            .connect(&format!("http://127.0.0.1:{port}"))
            .await
            .unwrap();
        let browser = Self {
            client,
            _driver: driver,
            _profile: profile,
            base: base.to_owned(),
        };
        browser.set(look).await;
        Some(browser)
    }

    async fn set(&self, look: Look) {
        let theme = if look.dark { "dark" } else { "light" };
        self.devtools(
            "Emulation.setEmulatedMedia",
            json!({"features": [
                {"name": "prefers-color-scheme", "value": theme},
                {"name": "prefers-reduced-motion", "value": "reduce"},
            ]}),
        )
        .await;
        self.devtools(
            "Emulation.setDeviceMetricsOverride",
            json!({"width": look.width, "height": look.height, "deviceScaleFactor": 1, "mobile": false}),
        )
        .await;
        self.devtools(
            "Page.addScriptToEvaluateOnNewDocument",
            json!({"source": "window.__shift = 0; new PerformanceObserver((list) => { \
                for (const it of list.getEntries()) if (!it.hadRecentInput) window.__shift += it.value; \
                }).observe({type: 'layout-shift', buffered: true});"}),
        )
        .await;
        if !look.script {
            self.devtools(
                "Emulation.setScriptExecutionDisabled",
                json!({"value": true}),
            )
            .await;
        }
    }

    /// A command of the DevTools protocol.
    pub async fn devtools(&self, method: &str, params: Value) -> Value {
        let body = json!({"cmd": method, "params": params});
        let command = Extra {
            path: "goog/cdp/execute",
            body,
        };
        self.client.issue_cmd(command).await.unwrap()
    }

    pub async fn go(&self, path: &str) {
        self.client
            .goto(&format!("{}{path}", self.base))
            .await
            .unwrap();
    }

    /// Signs in with a token, as a person does.
    pub async fn sign_in(&self, token: &str) {
        self.go("/sign-in").await;
        self.fill("input[name=token]", token).await;
        self.click("button.primary").await;
        self.find("nav").await;
    }

    pub async fn path(&self) -> String {
        let url = self.client.current_url().await.unwrap();
        match url.query() {
            Some(query) => format!("{}?{query}", url.path()),
            None => url.path().to_owned(),
        }
    }

    /// Does something that leads to another address, and waits until that page is there.
    pub async fn leads_away(&self, act: impl AsyncFnOnce()) -> String {
        let before = self.path().await;
        act().await;
        let begin = Instant::now();
        loop {
            let is_loaded = self.eval("return document.readyState").await == "complete";
            let path = self.path().await;
            if path != before && is_loaded {
                return path;
            }
            assert!(begin.elapsed() < SOON, "still on {before}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Presses a key, wherever the focus is.
    pub async fn press(&self, key: &str) {
        for kind in ["keyDown", "keyUp"] {
            let mut event = json!({"type": kind, "key": key});
            // Keys with longer names, such as Enter, are no text.
            if kind == "keyDown" && key.len() == 1 {
                event["text"] = json!(key);
            }
            if key == "Enter" {
                event["code"] = json!(key);
                event["windowsVirtualKeyCode"] = json!(13);
                event["text"] = json!("\r");
            }
            self.devtools("Input.dispatchKeyEvent", event).await;
        }
    }

    /// Drags over an element, from one part of its width to another.
    pub async fn drag(&self, css: &str, from: f64, to: f64) {
        self.find(css).await;
        let script = format!(
            "const it = document.querySelector({css:?}); it.scrollIntoView({{block: 'center'}}); \
             const {{x, y, width, height}} = it.getBoundingClientRect(); \
             return [x, y + height / 2, width]"
        );
        let place = self.eval(&script).await;
        let number = |n: usize| place[n].as_f64().unwrap();
        let x = |part: f64| number(0) + part * number(2);
        let steps = [
            ("mousePressed", from),
            ("mouseMoved", f64::midpoint(from, to)),
            ("mouseMoved", to),
            ("mouseReleased", to),
        ];
        for (kind, part) in steps {
            let event = json!({
                "type": kind, "x": x(part), "y": number(1), "button": "left", "buttons": 1,
                "clickCount": 1,
            });
            self.devtools("Input.dispatchMouseEvent", event).await;
        }
    }

    /// Drops a file of this machine on an element.
    pub async fn drop_file(&self, css: &str, file: &str) {
        self.find(css).await;
        let script = format!(
            "const {{x, y, width, height}} = document.querySelector({css:?}).getBoundingClientRect(); \
             return [x + width / 2, y + height / 2]"
        );
        let place = self.eval(&script).await;
        for kind in ["dragEnter", "dragOver", "drop"] {
            let event = json!({
                "type": kind, "x": place[0], "y": place[1],
                "data": {"items": [], "files": [file], "dragOperationsMask": 1},
            });
            self.devtools("Input.dispatchDragEvent", event).await;
        }
    }

    pub async fn eval(&self, script: &str) -> Value {
        self.client.execute(script, Vec::new()).await.unwrap()
    }

    /// The text of the whole page, as it is read.
    pub async fn text(&self) -> String {
        match self.client.find(Locator::Css("body")).await {
            // It is gone while the next page is on its way.
            Ok(body) => body.text().await.unwrap_or_default(),
            Err(_) => String::new(),
        }
    }

    pub async fn click(&self, css: &str) {
        self.find(css).await.click().await.unwrap();
    }

    pub async fn find(&self, css: &str) -> fantoccini::elements::Element {
        let found = self
            .client
            .wait()
            .at_most(SOON)
            .for_element(Locator::Css(css))
            .await;
        match found {
            Ok(element) => element,
            Err(error) => panic!(
                "no `{css}` on {}: {error}\n{}",
                self.path().await,
                self.text().await
            ),
        }
    }

    /// Types into a field, in place of what is there.
    pub async fn fill(&self, css: &str, text: &str) {
        let field = self.find(css).await;
        field.clear().await.unwrap();
        field.send_keys(text).await.unwrap();
    }

    /// Writes the value of a form as JSON, and sends it.
    pub async fn give(&self, form: &str, json: &str) {
        let tab = format!("{form} button[value=json]");
        if self.client.find(Locator::Css(&tab)).await.is_ok() {
            self.click(&tab).await;
            self.fill("textarea[name=':whole']", json).await;
        } else {
            let radio = format!("{form} input[type=radio][value='{json}']");
            if self.client.find(Locator::Css(&radio)).await.is_ok() {
                self.click(&radio).await;
            } else {
                self.fill(&format!("{form} textarea"), json).await;
            }
        }
        self.click(&format!("{form} button.primary")).await;
    }

    /// Waits until an element says this.
    pub async fn until_in(&self, css: &str, text: &str) {
        let begin = Instant::now();
        loop {
            let said = match self.client.find(Locator::Css(css)).await {
                // It may be gone by then: the page is updated as it changes.
                Ok(element) => element.text().await.unwrap_or_default(),
                Err(_) => String::new(),
            };
            if said.contains(text) {
                return;
            }
            let page = self.path().await;
            assert!(begin.elapsed() < SOON, "`{css}` says `{said}` on {page}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Waits until the page says this.
    pub async fn until(&self, text: &str) {
        let begin = Instant::now();
        while !self.text().await.contains(text) {
            assert!(
                begin.elapsed() < SOON,
                "`{text}` is not on {}:\n{}",
                self.path().await,
                self.text().await
            );
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Keeps a picture of the whole page, for people to look at.
    pub async fn picture(&self, name: &str) {
        let Some(dir) = std::env::var_os("ORCH_PICTURES") else {
            return;
        };
        let dir = PathBuf::from(dir);
        std::fs::create_dir_all(&dir).unwrap();
        let size = self.devtools("Page.getLayoutMetrics", json!({})).await;
        let content = &size["cssContentSize"];
        let height = content["height"].as_f64().unwrap_or(900.0).min(6_000.0);
        let shot = self
            .devtools(
                "Page.captureScreenshot",
                json!({"format": "png", "captureBeyondViewport": true, "clip": {
                    "x": 0, "y": 0, "width": content["width"], "height": height, "scale": 1}}),
            )
            .await;
        let png = data_encoding::BASE64
            .decode(shot["data"].as_str().unwrap().as_bytes())
            .unwrap();
        std::fs::write(dir.join(format!("{name}.png")), png).unwrap();
    }

    /// What must hold of every page, and does not.
    pub async fn faults(&self, look: Look) -> Vec<String> {
        let mut faults = self.console().await;
        if !look.script {
            return faults;
        }
        let foreign = self
            .eval(
                "return performance.getEntriesByType('resource').map((it) => it.name)\
                 .filter((it) => new URL(it).origin !== location.origin)",
            )
            .await;
        if foreign != json!([]) {
            faults.push(format!("loaded from elsewhere: {foreign}"));
        }
        let shift = self.eval("return window.__shift").await.as_f64().unwrap();
        if shift > SHIFT_MAX {
            faults.push(format!("it jumps by {shift}"));
        }
        let wider = self
            .eval("return document.documentElement.scrollWidth - document.documentElement.clientWidth")
            .await;
        if wider.as_i64().unwrap() > 0 {
            faults.push(format!("it is {wider} px wider than the window"));
        }
        faults.extend(self.barriers().await);
        faults
    }

    /// Errors and violations of the content security policy.
    async fn console(&self) -> Vec<String> {
        let command = Extra {
            path: "se/log",
            body: json!({"type": "browser"}),
        };
        let lines = self.client.issue_cmd(command).await.unwrap();
        let lines = lines.as_array().unwrap().iter();
        let bad = lines.filter(|line| line["level"] == "SEVERE" || line["level"] == "WARNING");
        let texts = bad.map(|line| line["message"].as_str().unwrap().to_owned());
        // A page that says what is wrong with the request has the status for it.
        texts
            .filter(|text| !text.contains("responded with a status of 4"))
            .collect()
    }

    /// What keeps people out, as far as axe-core can tell.
    async fn barriers(&self) -> Vec<String> {
        let Some(axe) = axe() else {
            left_out("the search for barriers on pages", crate::INSTALL);
            return Vec::new();
        };
        // Through the debugger, since the policy of the page allows no script of others.
        self.devtools("Runtime.evaluate", json!({"expression": axe}))
            .await;
        let found = self
            .devtools(
                "Runtime.evaluate",
                json!({
                    "expression": "axe.run(document, {runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', \
                        'wcag21aa', 'wcag22aa']}).then((it) => JSON.stringify(it.violations.map(\
                        (v) => v.id + ': ' + v.help + ' ' + v.nodes.slice(0, 3).map((n) => n.html \
                        + ' ' + n.failureSummary).join('; '))))",
                    "awaitPromise": true, "returnByValue": true,
                }),
            )
            .await;
        let Some(found) = found["result"]["value"].as_str() else {
            return vec![format!("axe-core says {found}")];
        };
        serde_json::from_str(found).unwrap()
    }
}

/// The text of axe-core, where it is installed.
pub fn axe() -> Option<String> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/axe-core/axe.min.js");
    std::fs::read_to_string(file).ok()
}

fn capabilities(chromium: &Path, profile: &Path, look: Look) -> serde_json::Map<String, Value> {
    let window = format!("--window-size={},{}", look.width.max(500), look.height);
    let profile = format!("--user-data-dir={}", profile.display());
    let options = json!({
        "browserName": "chrome",
        "goog:loggingPrefs": {"browser": "ALL"},
        "goog:chromeOptions": {
            "binary": chromium,
            "args": [
                "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
                "--no-first-run", "--disable-extensions", "--disable-background-networking",
                "--disable-component-update", "--disable-sync", "--hide-scrollbars",
                "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
                window, profile,
            ],
        },
    });
    match options {
        Value::Object(map) => map,
        _ => unreachable!("it is written as an object"),
    }
}

/// The port that the driver has taken.
fn port_of(driver: &mut Group) -> u16 {
    let stdout = BufReader::new(driver.child.stdout.take().expect("stdout is piped"));
    let mut lines = stdout.lines().map_while(Result::ok);
    let port = lines.find_map(|line| {
        let (_, port) = line.split_once("started successfully on port ")?;
        port.trim_end_matches('.').parse().ok()
    });
    // The rest is read, so that the driver never waits for a reader.
    std::thread::spawn(move || lines.for_each(drop));
    port.expect("the driver says its port")
}

/// A command that Chromium has besides those of the standard.
#[derive(Debug)]
struct Extra {
    path: &'static str,
    body: Value,
}

impl WebDriverCompatibleCommand for Extra {
    fn endpoint(
        &self,
        base: &url::Url,
        session: Option<&str>,
    ) -> Result<url::Url, url::ParseError> {
        let session = session.unwrap_or_default();
        base.join(&format!("session/{session}/{}", self.path))
    }

    fn method_and_body(&self, _: &url::Url) -> (http::Method, Option<String>) {
        (http::Method::POST, Some(self.body.to_string()))
    }
}
