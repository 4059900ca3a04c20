//! How a visitor likes pages: kept in cookies, which hold nothing that has to be secret.

use axum::extract::Request;
use axum::http::header::{CONTENT_TYPE, COOKIE, SET_COOKIE};
use axum::http::{HeaderMap, HeaderValue, Method};
use axum::middleware::Next;
use axum::response::Response;

use super::show::Zone;

pub const ZONE: &str = "zone";
pub const THEME: &str = "theme";
pub const KEYS: &str = "keys";
/// The zone that the script has found out.
const BROWSER_ZONE: &str = "browser-zone";
/// What was done last; the next page says it once.
pub const SAID: &str = "said";

#[derive(Clone, Debug)]
pub struct Looks {
    /// `light` or `dark`, if chosen.
    pub theme: Option<&'static str>,
    /// The time zone, if chosen.
    pub chosen_zone: Option<String>,
    browser_zone: Option<String>,
    /// Whether single keys do things.
    pub keys: bool,
    pub said: Option<String>,
}

impl Looks {
    pub fn of(headers: &HeaderMap) -> Self {
        Self {
            theme: match cookie(headers, THEME).as_deref() {
                Some("light") => Some("light"),
                Some("dark") => Some("dark"),
                _ => None,
            },
            chosen_zone: cookie(headers, ZONE),
            browser_zone: cookie(headers, BROWSER_ZONE),
            keys: cookie(headers, KEYS).as_deref() != Some("off"),
            said: cookie(headers, SAID),
        }
    }

    /// The zone of all times: the chosen one, that of the browser, or UTC.
    pub fn zone(&self) -> Zone {
        let wished = self.chosen_zone.as_deref().or(self.browser_zone.as_deref());
        wished.and_then(Zone::named).unwrap_or_else(Zone::utc)
    }
}

/// What was said is said once: the page that shows it takes it away.
pub async fn say_once(request: Request, next: Next) -> Response {
    let headers = request.headers();
    let is_said = request.method() == Method::GET && cookie(headers, SAID).is_some();
    let mut response = next.run(request).await;
    let kind = response.headers().get(CONTENT_TYPE);
    let is_page = kind.is_some_and(|kind| kind.as_bytes().starts_with(b"text/html"));
    if is_said && is_page {
        let over = HeaderValue::from_static("said=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax");
        response.headers_mut().append(SET_COOKIE, over);
    }
    response
}

/// The value of a cookie, unless it is empty.
fn cookie(headers: &HeaderMap, name: &str) -> Option<String> {
    let cookies = headers.get_all(COOKIE).into_iter();
    let mut pairs = cookies
        .filter_map(|cookies| cookies.to_str().ok())
        .flat_map(|cookies| cookies.split(';'))
        .filter_map(|pair| pair.trim().split_once('='));
    let (_, value) = pairs.find(|(key, _)| *key == name)?;
    let value = percent_encoding::percent_decode_str(value)
        .decode_utf8()
        .ok()?;
    (!value.is_empty()).then(|| value.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn looks(cookies: &'static str) -> Looks {
        let mut headers = HeaderMap::new();
        headers.insert(COOKIE, axum::http::HeaderValue::from_static(cookies));
        Looks::of(&headers)
    }

    #[test]
    fn what_is_chosen_goes_before_what_the_browser_says() {
        let zone = |cookies| looks(cookies).zone().label;
        assert_eq!(zone("a=b"), "UTC");
        assert_eq!(zone("browser-zone=Europe%2FParis"), "Europe/Paris");
        assert_eq!(
            zone("browser-zone=Europe%2FParis; zone=Asia%2FTokyo"),
            "Asia/Tokyo"
        );
        assert_eq!(zone("zone=Nowhere%2FAt_All"), "UTC");
    }

    #[test]
    fn strange_cookies_change_nothing() {
        let looks = looks("theme=pink; keys=; zone=; said=%ff");
        assert!(looks.theme.is_none() && looks.keys && looks.said.is_none());
    }
}
