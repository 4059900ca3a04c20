//! How the visitor likes pages, and, for administrators, tokens.

use askama::Template;
use axum::http::{HeaderValue, header};
use axum::response::Response;
use model::TokenName;
use operations::client::{Answered, CreateToken, TokenQuery};
use operations::problem::{Problem, ProblemKind};
use operations::view::TokenView;

use super::cx::{Cx, rendered, see_other, unprocessable};
use super::looks::{KEYS, THEME, ZONE};
use super::parts::{Choice, choices};
use super::query::{Query, segment};
use super::shell::Shell;
use super::show::{When, Zone};

#[derive(Template)]
#[template(path = "settings.html")]
struct Page {
    shell: Shell,
    new_token: Option<NewToken>,
    zone_value: String,
    zone_error: Option<String>,
    themes: Vec<Choice>,
    can_administer: bool,
    tokens: Vec<Token>,
    token_form: TokenForm,
}

/// A token that was made just now, the only time that its secret is shown.
struct NewToken {
    name: String,
    secret: String,
}

struct Token {
    id: String,
    name: String,
    role: String,
    created: When,
    expires: Option<When>,
    used: Option<When>,
    is_over: bool,
    over: &'static str,
}

#[derive(Default)]
struct TokenForm {
    name: String,
    error: Option<String>,
}

const THEMES: [(&str, &str); 3] = [("", "As the system"), ("light", "Light"), ("dark", "Dark")];

impl Page {
    async fn new(cx: &Cx) -> Answered<Self> {
        let tokens = if cx.can_administer() {
            cx.client.list_tokens(TokenQuery::default()).await?.items
        } else {
            Vec::new()
        };
        Ok(Self {
            shell: Shell {
                command: Some("orch-host token ls".to_owned()),
                ..cx.shell("Settings")
            },
            new_token: None,
            zone_value: cx.looks.chosen_zone.clone().unwrap_or_default(),
            zone_error: None,
            themes: choices(THEMES, cx.looks.theme.unwrap_or_default()),
            can_administer: cx.can_administer(),
            tokens: tokens.iter().map(|it| token(cx, it)).collect(),
            token_form: TokenForm::default(),
        })
    }
}

fn token(cx: &Cx, token: &TokenView) -> Token {
    let is_expired = token.expires.is_some_and(|at| at <= cx.now.at);
    Token {
        id: token.id.to_string(),
        name: token.name.to_string(),
        role: token.role.to_string(),
        created: cx.now.when(token.created),
        expires: token.expires.map(|at| cx.now.when(at)),
        used: token.last_used.map(|at| cx.now.when(at)),
        is_over: is_expired || token.revoked.is_some(),
        over: if token.revoked.is_some() {
            "revoked"
        } else {
            "expired"
        },
    }
}

/// `GET /settings`
pub async fn page(cx: Cx) -> Response {
    cx.answer(async |cx| Ok(rendered(&Page::new(cx).await?)))
        .await
}

/// `POST /settings`
pub async fn save(cx: Cx, posted: Query) -> Response {
    cx.answer(async |cx| {
        let zone = posted.get("zone").unwrap_or("browser");
        if zone != "browser" && Zone::named(zone).is_none() {
            let mut page = Page::new(cx).await?;
            page.zone_value = zone.to_owned();
            page.zone_error = Some(format!("`{zone}` is no time zone that this server knows"));
            return Ok(unprocessable(&page));
        }
        let theme = posted
            .get("theme")
            .filter(|it| ["light", "dark"].contains(it));
        let mut response = see_other("/settings", "Saved");
        let kept = if zone == "browser" { "" } else { zone };
        keep(&mut response, ZONE, kept);
        keep(&mut response, THEME, theme.unwrap_or_default());
        let keys = if posted.get("keys").is_some() {
            ""
        } else {
            "off"
        };
        keep(&mut response, KEYS, keys);
        Ok(response)
    })
    .await
}

fn keep(response: &mut Response, name: &str, value: &str) {
    let lasts = if value.is_empty() { 0 } else { 31_536_000 };
    let cookie = format!(
        "{name}={}; Path=/; Max-Age={lasts}; SameSite=Lax",
        segment(value)
    );
    if let Ok(cookie) = HeaderValue::from_str(&cookie) {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
}

/// `POST /settings/tokens`
pub async fn create_token(cx: Cx, posted: Query) -> Response {
    cx.answer(async |cx| {
        let made = match token_wish(&posted) {
            Ok(wish) => cx.client.create_token(wish).await,
            Err(problem) => Err(problem),
        };
        let mut page = Page::new(cx).await?;
        match made {
            Ok(made) => {
                page.new_token = Some(NewToken {
                    name: made.token.name.to_string(),
                    secret: made.secret.clone(),
                });
                Ok(rendered(&page))
            }
            Err(problem) if problem.kind.is_mistake_of_user() => {
                page.token_form = TokenForm {
                    name: posted.get("name").unwrap_or_default().to_owned(),
                    error: Some(problem.detail),
                };
                Ok(unprocessable(&page))
            }
            Err(problem) => Err(problem),
        }
    })
    .await
}

fn token_wish(posted: &Query) -> Answered<CreateToken> {
    let invalid = |detail: String| Problem::new(ProblemKind::InvalidName, detail);
    let name: TokenName = posted
        .get("name")
        .unwrap_or_default()
        .parse()
        .map_err(|err: model::NameError| invalid(err.to_string()))?;
    let role = posted.get("role").unwrap_or("viewer");
    let role = role
        .parse()
        .map_err(|_| invalid(format!("`{role}` is not a role")))?;
    Ok(CreateToken {
        name,
        role,
        lasts_ms: posted.span_ms("expires")?,
    })
}

/// `POST /settings/tokens/revoke`
pub async fn revoke_token(cx: Cx, posted: Query) -> Response {
    cx.answer(async |cx| {
        let name = posted.get("name").unwrap_or_default();
        let name: TokenName = name.parse().map_err(|err: model::NameError| {
            Problem::new(ProblemKind::InvalidName, err.to_string())
        })?;
        cx.client.revoke_token(&name).await?;
        Ok(see_other("/settings", &format!("Revoked {name}")))
    })
    .await
}
