//! A shop to fetch from: `GET /orders?page=N`, for whoever shows the token.
//!
//! `cargo run -p fetch_pages --example shop -- TOKEN [PORT]`

use std::convert::Infallible;
use std::net::SocketAddr;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{AUTHORIZATION, CONTENT_TYPE};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::json;
use tokio::net::TcpListener;

const PAGES: u32 = 4;
const ORDERS_A_PAGE: u32 = 25;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let mut args = std::env::args().skip(1);
    let Some(token) = args.next() else {
        anyhow::bail!("usage: shop TOKEN [PORT]");
    };
    let port: u16 = args.next().map_or(Ok(4300), |text| text.parse())?;
    let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], port))).await?;
    println!("http://localhost:{}", listener.local_addr()?.port());
    loop {
        let (stream, _) = listener.accept().await?;
        let expect = format!("Bearer {token}");
        let service = service_fn(move |request| {
            let answer = answer(&request, &expect);
            async { Ok::<_, Infallible>(answer) }
        });
        tokio::spawn(
            hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service),
        );
    }
}

fn answer(request: &Request<Incoming>, expect: &str) -> Response<Full<Bytes>> {
    let shown = request.headers().get(AUTHORIZATION);
    if shown.is_none_or(|shown| shown.as_bytes() != expect.as_bytes()) {
        return told(StatusCode::UNAUTHORIZED, &json!({"error": "who are you?"}));
    }
    match page_of(request) {
        Some(page @ 1..=PAGES) => told(StatusCode::OK, &orders(page)),
        _ => told(StatusCode::NOT_FOUND, &json!({"error": "no such page"})),
    }
}

fn page_of(request: &Request<Incoming>) -> Option<u32> {
    let query = request
        .uri()
        .query()
        .filter(|_| request.uri().path() == "/orders")?;
    let mut pairs = form_urlencoded::parse(query.as_bytes());
    pairs.find(|(name, _)| name == "page")?.1.parse().ok()
}

fn orders(page: u32) -> serde_json::Value {
    let first = (page - 1) * ORDERS_A_PAGE;
    let orders: Vec<_> = (first..first + ORDERS_A_PAGE)
        .map(|id| json!({"id": id, "customer": format!("Customer {}", id % 7), "total": f64::from(id) / 4.0}))
        .collect();
    json!({"page": page, "pages": PAGES, "orders": orders})
}

fn told(status: StatusCode, body: &serde_json::Value) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from(body.to_string()));
    *response.status_mut() = status;
    let json = hyper::header::HeaderValue::from_static("application/json");
    response.headers_mut().insert(CONTENT_TYPE, json);
    response
}
