//! The pages as their users meet them: a real browser, the real server, real components.
//!
//! Where Chromium is not installed, these stories are left out, and say so.

mod browser;
mod doing;
mod hands;
mod scene;
mod seeing;
mod timeline;

use browser::{Browser, Look};
use scene::Scene;
use test_support::left_out;

/// Installs what these stories need.
const INSTALL: &str = "tests/pages/install.sh";

/// Runs a story in a browser, if there is one.
fn in_browser<F: Future<Output = ()>>(scene: &Scene, look: Look, story: impl FnOnce(Browser) -> F) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        match Browser::open(look, &scene.base()).await {
            Some(browser) => {
                browser.sign_in(&scene.token()).await;
                story(browser).await;
            }
            None => left_out("stories about pages", INSTALL),
        }
    });
}
