//! The one style sheet, the one script and the icon. They are compiled in, and their addresses
//! have a digest of their content, so that a browser may keep them for ever.

use std::sync::LazyLock;

use axum::body::Body;
use axum::extract::Path;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use sha2::{Digest as _, Sha256};

const CSS: &[u8] = include_bytes!("../../assets/app.css");
const JS: &[u8] = include_bytes!("../../assets/app.js");
const ICON: &[u8] = include_bytes!("../../assets/icon.svg");

/// The addresses of what is compiled in.
#[derive(Debug)]
pub struct Assets {
    pub css: String,
    pub js: String,
    pub icon: String,
}

pub static ASSETS: LazyLock<Assets> = LazyLock::new(|| Assets {
    css: address(CSS, "app.css"),
    js: address(JS, "app.js"),
    icon: address(ICON, "icon.svg"),
});

fn address(bytes: &[u8], name: &str) -> String {
    let digest = Sha256::digest(bytes);
    let short: String = digest[..8]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    format!("/assets/{short}/{name}")
}

/// `/assets/{digest}/{name}`. An address of an earlier build gives what is there now, and is
/// not kept.
pub async fn asset(Path((digest, name)): Path<(String, String)>) -> Response {
    let (bytes, mime) = match name.as_str() {
        "app.css" => (CSS, "text/css; charset=utf-8"),
        "app.js" => (JS, "text/javascript; charset=utf-8"),
        "icon.svg" => (ICON, "image/svg+xml"),
        _ => return StatusCode::NOT_FOUND.into_response(),
    };
    let is_current = address(bytes, &name) == format!("/assets/{digest}/{name}");
    let keep = if is_current {
        "public, max-age=31536000, immutable"
    } else {
        "no-store"
    };
    let mut response = Response::new(Body::from(bytes));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(mime));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(keep));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a person on a slow line waits for before the first page has its looks.
    #[test]
    fn script_and_style_sheet_are_small() {
        assert!(CSS.len() <= 20_000, "{} bytes", CSS.len());
        assert!(JS.len() <= 20_000, "{} bytes", JS.len());
    }

    #[test]
    fn nothing_comes_from_elsewhere() {
        for asset in [CSS, JS, ICON] {
            let text = std::str::from_utf8(asset).unwrap();
            let text = text.replace("http://www.w3.org/2000/svg", "");
            assert!(
                !text.contains("//cdn") && !text.contains("https://") && !text.contains("@import")
            );
        }
    }
}
