//! The filter chain of a gateway in front of a service: tokens, routes, a limit per member, and one filter of its own.

use http::{HeaderName, Method, Request, Response, StatusCode};
use http_body_util::BodyExt;
use orlop_gateway_filters::{
    Body, Category, Completion, Edge, Endpoints, Filter, FilterMeta, Filters, Gateway, Gzip,
    Normalize, Phases, Rate, RateLimit, Route, Routes, StaticAnswer,
};
use std::{convert::Infallible, num::NonZeroU32, time::Duration};
use tower::{ServiceExt, service_fn};

/// Runs once at the end of each request, also when the caller has left.
struct AccessLog;

impl Filter for AccessLog {
    fn meta(&self) -> FilterMeta {
        let meta = FilterMeta::new("access_log", Category::Observability);
        meta.order(-2000).phases(Phases::Neither)
    }

    fn on_complete(&self, done: &Completion<'_>) {
        let (method, uri) = (done.cx().method(), done.cx().uri());
        println!(
            "{method} {uri}: {:?}, {} bytes, {:?}",
            done.status(),
            done.body_bytes(),
            done.end()
        );
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let per_client = Rate::new(NonZeroU32::new(2).ok_or("two")?, Duration::from_secs(60));
    let filters = Filters::builder()
        .filter(AccessLog)
        .filter(Normalize::new())
        .filter(Edge::new())
        .filter(RateLimit::by_header(per_client, HeaderName::from_static("x-client")))
        .filter(Routes::new([
            Route::new("/titles/{id}", "catalogue").methods([Method::GET]),
            Route::new("/health", "health"),
        ])?)
        .filter(Gzip::new())
        .build()?;
    let catalogue = service_fn(async |req: Request<Body>| {
        Ok::<_, Infallible>(Response::new(Body::from(format!("{} is a film", req.uri().path()))))
    });
    let endpoints = Endpoints::new()
        .service("catalogue", catalogue)
        .answer("health", StaticAnswer::new(StatusCode::OK));
    let gateway = Gateway::new(filters, endpoints)?;

    let mut statuses = Vec::new();
    for path in ["/titles/7", "/titles/8", "/titles/9", "/nowhere", "/titles/..%2fsecret"] {
        let request =
            Request::get(path).header("host", "example").header("x-client", path.len().to_string());
        let Ok(response) = gateway.clone().oneshot(request.body(Body::Empty)?).await;
        statuses.push(response.status().as_u16());
        response.into_body().collect().await?;
    }
    println!("{statuses:?}");
    assert_eq!(statuses, [200, 200, 429, 404, 400]);
    Ok(())
}
