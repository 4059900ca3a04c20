//! The options in the parentheses of `#[flow(..)]` and `#[task(..)]`.

use std::time::Duration;

use darling::{FromMeta, ast::NestedMeta, util::SpannedValue};
use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::{Expr, ExprClosure, ExprLit, Lit, LitStr, Path, Result};

/// The options of `#[task(..)]`.
#[derive(Default, FromMeta)]
#[darling(default)]
pub struct TaskOptions {
    pub name: Option<LitStr>,
    pub description: Option<LitStr>,
    pub version: Option<LitStr>,
    retries: Option<SpannedValue<u32>>,
    retry_delay: Option<RetryDelay>,
    retry_jitter: Option<Fraction>,
    timeout: Option<Span>,
    pub retry_if: Option<PathExpr>,
    pub task_run_name: Option<LitStr>,
    tags: Option<Tags>,
    limits: Option<Limits>,
    cache: Option<CacheBy>,
    cache_key: Option<KeyExpr>,
    cache_expiration: Option<SpannedValue<Span>>,
    cache_lock: Option<SpannedValue<bool>>,
}

/// The options of `#[flow(..)]`.
#[derive(Default, FromMeta)]
#[darling(default)]
pub struct FlowOptions {
    pub name: Option<LitStr>,
    pub description: Option<LitStr>,
    pub version: Option<LitStr>,
    retries: Option<SpannedValue<u32>>,
    retry_delay: Option<RetryDelay>,
    retry_jitter: Option<Fraction>,
    timeout: Option<Span>,
    limits: Option<Limits>,
    #[darling(multiple, rename = "schedule")]
    schedules: Vec<SpannedValue<Schedule>>,
}

/// What is in `schedule(..)`.
#[derive(Default, FromMeta)]
#[darling(default)]
struct Schedule {
    cron: Option<LitStr>,
    interval: Option<Span>,
    rrule: Option<LitStr>,
    timezone: Option<LitStr>,
}

/// Parses the options, and reports all mistakes at once.
pub fn parse<O: FromMeta>(tokens: TokenStream) -> Result<O> {
    let list = NestedMeta::parse_meta_list(tokens)?;
    O::from_list(&list).map_err(|errors| in_our_words(errors.into()))
}

/// Says "option" where darling says "field".
fn in_our_words(errors: syn::Error) -> syn::Error {
    let errors = errors.into_iter().map(|error| {
        let message = error.to_string();
        let message = message
            .replace("Unknown field: ", "unknown option ")
            .replace("`. Did you mean `", "`; did you mean `")
            .replace("Duplicate field ", "this option is given twice: ");
        syn::Error::new(error.span(), message)
    });
    errors
        .reduce(|mut all, error| {
            all.combine(error);
            all
        })
        .expect("an error holds at least one message")
}

impl TaskOptions {
    /// The `Policy` of the registry.
    pub fn policy(&self) -> Result<TokenStream> {
        policy(
            &self.retries,
            &self.retry_delay,
            &self.retry_jitter,
            &self.timeout,
        )
    }

    pub fn tags(&self) -> &[String] {
        self.tags.as_ref().map_or(&[], |tags| &tags.0)
    }

    pub fn limits(&self) -> &[String] {
        self.limits.as_ref().map_or(&[], |limits| &limits.0)
    }

    /// How results are cached, if they are.
    pub fn cache(&self) -> Result<Option<Cache<'_>>> {
        let (by, key) = (&self.cache, &self.cache_key);
        let key = match (by, key) {
            (None, None) => {
                let expiration = self.cache_expiration.as_ref().map(SpannedValue::span);
                let lock = self.cache_lock.as_ref().map(SpannedValue::span);
                let Some(span) = expiration.or(lock) else {
                    return Ok(None);
                };
                return Err(syn::Error::new(
                    span,
                    "nothing is cached: add `cache = inputs`, or `cache_key = |args| ..`",
                ));
            }
            (Some(_), Some(key)) => {
                return Err(syn::Error::new_spanned(
                    &key.0,
                    "a task is cached either by its inputs or by a key of its own",
                ));
            }
            (_, key) => key.as_ref().map(|key| &key.0),
        };
        Ok(Some(Cache {
            key,
            expiration_ms: self.cache_expiration.as_ref().map(|span| span.0),
            lock: self.cache_lock.as_ref().is_some_and(|lock| **lock),
        }))
    }
}

/// How results of a task are cached.
pub struct Cache<'o> {
    /// The author's own key. None: the arguments are the key.
    pub key: Option<&'o ExprClosure>,
    pub expiration_ms: Option<u64>,
    pub lock: bool,
}

impl FlowOptions {
    /// The `Policy` of the registry.
    pub fn policy(&self) -> Result<TokenStream> {
        policy(
            &self.retries,
            &self.retry_delay,
            &self.retry_jitter,
            &self.timeout,
        )
    }
}

impl FlowOptions {
    pub fn limits(&self) -> &[String] {
        self.limits.as_ref().map_or(&[], |limits| &limits.0)
    }

    /// The `Schedule`s of the registry.
    pub fn schedules(&self) -> Result<Vec<TokenStream>> {
        self.schedules.iter().map(schedule).collect()
    }
}

fn schedule(declared: &SpannedValue<Schedule>) -> Result<TokenStream> {
    let Schedule {
        cron,
        interval,
        rrule,
        timezone,
    } = &**declared;
    let kinds = [cron.is_some(), interval.is_some(), rrule.is_some()];
    if kinds.into_iter().filter(|is| *is).count() != 1 {
        return Err(syn::Error::new(
            declared.span(),
            "a schedule has one of `cron = \"0 9 * * 1-5\"`, `interval = \"15m\"` and \
             `rrule = \"FREQ=DAILY\"`; a flow may have several schedules",
        ));
    }
    let (cron, rrule, timezone) = (
        option(cron.as_ref()),
        option(rrule.as_ref()),
        option(timezone.as_ref()),
    );
    let interval = option(interval.as_ref().map(|span| span.0));
    Ok(quote! {
        ::guest_sdk::__private::Schedule {
            cron: #cron,
            interval_ms: #interval,
            rrule: #rrule,
            timezone: #timezone,
        }
    })
}

fn policy(
    retries: &Option<SpannedValue<u32>>,
    retry_delay: &Option<RetryDelay>,
    retry_jitter: &Option<Fraction>,
    timeout: &Option<Span>,
) -> Result<TokenStream> {
    let count = retries.as_ref().map(|retries| **retries);
    let delays: Vec<u64> = match retry_delay {
        None => Vec::new(),
        Some(RetryDelay::Listed(delays)) => delays.iter().map(|delay| delay.0).collect(),
        Some(RetryDelay::Exponential(first, call)) => {
            let Some(count) = count.filter(|count| (1..=63).contains(count)) else {
                return Err(syn::Error::new_spanned(
                    call,
                    "`exponential` needs to know how often: set `retries` too, from 1 to 63",
                ));
            };
            (0..count)
                .map(|retry| first.0.saturating_mul(1 << retry))
                .collect()
        }
    };
    let retries = option(count);
    let jitter = option(retry_jitter.as_ref().map(|jitter| jitter.0));
    let timeout = option(timeout.as_ref().map(|timeout| timeout.0));
    Ok(quote! {
        ::guest_sdk::__private::Policy {
            retries: #retries,
            retry_delays_ms: &[#(#delays),*],
            retry_jitter: #jitter,
            timeout_ms: #timeout,
        }
    })
}

/// `Some(value)` or `None`, as an expression.
pub fn option(value: Option<impl ToTokens>) -> TokenStream {
    match value {
        Some(value) => quote!(::core::option::Option::Some(#value)),
        None => quote!(::core::option::Option::None),
    }
}

/// A span of time in milliseconds, written like `"1m 30s"`.
struct Span(u64);

impl FromMeta for Span {
    fn from_expr(expr: &Expr) -> darling::Result<Self> {
        let wrong = |message: String| Err(darling::Error::custom(message).with_span(expr));
        let Some(text) = string(expr) else {
            return wrong("a span of time is written as text, such as \"30s\" or \"1m\"".into());
        };
        match humantime::parse_duration(&text) {
            Ok(Duration::ZERO) => wrong("a span of zero has no meaning here; leave it out".into()),
            Ok(span) => Ok(Self(
                span.as_nanos().div_ceil(1_000_000).min(u64::MAX.into()) as u64,
            )),
            Err(error) => wrong(format!(
                "`{text}` is no span of time ({error}); write it like \"30s\" or \"1h 15m\""
            )),
        }
    }
}

enum RetryDelay {
    Listed(Vec<Span>),
    /// The first wait; each later one is twice the one before, as many as there are retries.
    Exponential(Span, Box<Expr>),
}

impl FromMeta for RetryDelay {
    fn from_expr(expr: &Expr) -> darling::Result<Self> {
        match expr {
            Expr::Array(array) => {
                let delays: darling::Result<_> = array.elems.iter().map(Span::from_expr).collect();
                Ok(Self::Listed(delays?))
            }
            Expr::Call(call) => match (&*call.func, call.args.first(), call.args.len()) {
                (Expr::Path(function), Some(first), 1) if function.path.is_ident("exponential") => {
                    Ok(Self::Exponential(
                        Span::from_expr(first)?,
                        Box::new(expr.clone()),
                    ))
                }
                _ => Err(darling::Error::custom(
                    "the only function here is `exponential(\"1s\")`, with the first wait",
                )
                .with_span(expr)),
            },
            _ => Ok(Self::Listed(vec![Span::from_expr(expr)?])),
        }
    }
}

struct Fraction(f64);

impl FromMeta for Fraction {
    fn from_expr(expr: &Expr) -> darling::Result<Self> {
        let number = match expr {
            Expr::Lit(ExprLit {
                lit: Lit::Float(number),
                ..
            }) => number.base10_parse(),
            Expr::Lit(ExprLit {
                lit: Lit::Int(number),
                ..
            }) => number.base10_parse(),
            _ => Err(syn::Error::new_spanned(expr, "")),
        };
        number.map(Self).map_err(|_| {
            darling::Error::custom("a fraction is written as a number, such as 0.5").with_span(expr)
        })
    }
}

struct Tags(Vec<String>);

impl FromMeta for Tags {
    fn from_expr(expr: &Expr) -> darling::Result<Self> {
        let tags = match expr {
            Expr::Array(array) => array.elems.iter().map(string).collect(),
            _ => None,
        };
        tags.map(Self).ok_or_else(|| {
            darling::Error::custom("tags are a list of texts, such as [\"slow\", \"nightly\"]")
                .with_span(expr)
        })
    }
}

struct Limits(Vec<String>);

impl FromMeta for Limits {
    fn from_expr(expr: &Expr) -> darling::Result<Self> {
        let limits = match expr {
            Expr::Array(array) => array.elems.iter().map(string).collect(),
            _ => None,
        };
        limits.map(Self).ok_or_else(|| {
            darling::Error::custom("limits are a list of names, such as [\"database\"]")
                .with_span(expr)
        })
    }
}

/// `inputs`: the one word that may stand here.
struct CacheBy;

impl FromMeta for CacheBy {
    fn from_expr(expr: &Expr) -> darling::Result<Self> {
        match expr {
            Expr::Path(path) if path.path.is_ident("inputs") => Ok(Self),
            _ => Err(darling::Error::custom(
                "results are cached by `inputs`; for a key of your own, write \
                 `cache_key = |args| ..`",
            )
            .with_span(expr)),
        }
    }
}

/// A function of the arguments.
struct KeyExpr(ExprClosure);

impl FromMeta for KeyExpr {
    fn from_expr(expr: &Expr) -> darling::Result<Self> {
        match expr {
            Expr::Closure(closure) if closure.inputs.len() == 1 => Ok(Self(closure.clone())),
            _ => Err(darling::Error::custom(
                "a cache key is a function of the arguments that returns text, such as \
                 `|args| format!(\"{}-{}\", args.city, args.day)`",
            )
            .with_span(expr)),
        }
    }
}

/// A path, unquoted.
pub struct PathExpr(pub Path);

impl FromMeta for PathExpr {
    fn from_expr(expr: &Expr) -> darling::Result<Self> {
        match expr {
            Expr::Path(path) => Ok(Self(path.path.clone())),
            _ => Err(darling::Error::custom(
                "name a function here, as a path: `fn(&Error) -> bool`",
            )
            .with_span(expr)),
        }
    }
}

fn string(expr: &Expr) -> Option<String> {
    match expr {
        Expr::Lit(ExprLit {
            lit: Lit::Str(text),
            ..
        }) => Some(text.value()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(options: &str, expect: std::result::Result<&str, &str>) {
        let tokens = options.parse().unwrap();
        let policy = parse::<TaskOptions>(tokens).and_then(|options| options.policy());
        let policy = policy.map(|policy| policy.to_string());
        let policy = policy.map_err(|error| error.to_string());
        match (&policy, expect) {
            (Ok(found), Ok(part)) => assert!(found.contains(part), "{found}"),
            (Err(found), Err(part)) => assert!(found.contains(part), "{found}"),
            _ => panic!("{policy:?}"),
        }
    }

    #[test]
    fn spans_of_time_become_milliseconds() {
        check("timeout = \"1m 30s\"", Ok("Some (90000u64)"));
        check("timeout = \"1us\"", Ok("Some (1u64)"));
        check("timeout = \"soon\"", Err("`soon` is no span of time"));
    }

    #[test]
    fn delays_are_one_or_listed_or_double() {
        let delays = |text| format!("retry_delays_ms : & [{text}]");
        check("retry_delay = \"2s\"", Ok(&delays("2000u64")));
        check(
            "retry_delay = [\"1s\", \"5s\"]",
            Ok(&delays("1000u64 , 5000u64")),
        );
        let doubling = "retries = 3, retry_delay = exponential(\"1s\")";
        check(doubling, Ok(&delays("1000u64 , 2000u64 , 4000u64")));
        check(
            "retry_delay = exponential(\"1s\")",
            Err("set `retries` too"),
        );
        check(
            "retry_delay = random(\"1s\")",
            Err("the only function here"),
        );
    }

    #[test]
    fn a_schedule_has_one_kind_of_times() {
        #[track_caller]
        fn check(options: &str, expect: std::result::Result<usize, &str>) {
            let tokens = options.parse().unwrap();
            let made = parse::<FlowOptions>(tokens).and_then(|options| options.schedules());
            let made = made
                .map(|made| made.len())
                .map_err(|error| error.to_string());
            match (&made, expect) {
                (Ok(found), Ok(count)) => assert_eq!(*found, count),
                (Err(found), Err(part)) => assert!(found.contains(part), "{found}"),
                _ => panic!("{made:?}"),
            }
        }
        check("retries = 1", Ok(0));
        check(
            "schedule(cron = \"@daily\", timezone = \"Europe/Berlin\"), schedule(interval = \"15m\")",
            Ok(2),
        );
        check("schedule()", Err("a schedule has one of"));
        check(
            "schedule(cron = \"@daily\", interval = \"1h\")",
            Err("a schedule has one of"),
        );
        check("schedule(corn = \"@daily\")", Err("did you mean `cron`?"));
        check("limits = \"db\"", Err("limits are a list of names"));
    }

    #[test]
    fn unknown_options_are_told_with_the_nearest_name() {
        check(
            "retires = 3",
            Err("unknown option `retires`; did you mean `retries`?"),
        );
        check("retries = 3, retries = 4", Err("given twice: `retries`"));
    }
}
