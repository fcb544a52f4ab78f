//! Serves a title's bytes: `GET` and `HEAD /titles/{id}/bytes` with a signed link, and with `Range`.
//!
//! | answer | when |
//! |---|---|
//! | 200 | the whole title |
//! | 206 | one range; of several ranges none is honoured, the answer is the whole (RFC 9110 allows both) |
//! | 304 | `If-None-Match` has the title's tag |
//! | 403 | a link that was altered, has expired, or is for another zone |
//! | 404 | there is no such title |
//! | 416 | a range that begins behind the end; `Content-Range` says where the end is |

mod body;
mod range;

use std::ops::Range;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};

use self::body::TitleBody;
use self::range::Wanted;
use super::health;
use super::problem::Problem;
use crate::BoxError;
use crate::catalogue::{Catalogue, Title};
use crate::ctx::{Ctx, stable_hash};
use crate::net::Listener;
use crate::signing::LinkSigner;

#[derive(Debug)]
struct Appliance {
    ctx: Ctx,
    catalogue: Arc<Catalogue>,
    signer: LinkSigner,
}

/// Serves until `ctx` says shut down.
///
/// # Errors
///
/// None.
pub async fn serve(ctx: Ctx, listener: Listener) -> Result<(), BoxError> {
    let catalogue = Catalogue::of(ctx.settings());
    let router = router(&ctx, catalogue);
    crate::http::serve(ctx, listener, router).await;
    Ok(())
}

/// Its routes, `/health` and `/who` among them.
pub fn router(ctx: &Ctx, catalogue: Arc<Catalogue>) -> Router {
    let signer = LinkSigner::new(&ctx.settings().secret);
    let appliance = Arc::new(Appliance { ctx: ctx.clone(), catalogue, signer });
    Router::new()
        .route("/titles/{id}/bytes", get(fetch))
        .with_state(appliance)
        .merge(health::router(ctx))
}

async fn fetch(
    State(appliance): State<Arc<Appliance>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let (zone, now) = (appliance.ctx.me().zone, appliance.ctx.wall().unix_seconds());
    let grant = appliance.signer.check(uri.path(), uri.query(), zone, now);
    let grant =
        grant.map_err(|bad| Problem::new(StatusCode::FORBIDDEN, bad.code(), bad.to_string()))?;
    let title = appliance.catalogue.get(grant.title).ok_or_else(|| {
        Problem::new(StatusCode::NOT_FOUND, "no_such_title", format!("no title {}", grant.title))
    })?;
    Ok(appliance.answer(title, &method, &headers))
}

// ===== impl Appliance =====

impl Appliance {
    fn answer(&self, title: &Title, method: &Method, headers: &HeaderMap) -> Response {
        let tag = self.tag(title);
        if headers.get_all(header::IF_NONE_MATCH).iter().any(|given| names(given, &tag)) {
            return (StatusCode::NOT_MODIFIED, [(header::ETAG, tag)]).into_response();
        }
        let length = title.length();
        let wanted =
            if method == Method::GET { range::of(headers, length, &tag) } else { Wanted::Whole };
        let mut response = match wanted {
            Wanted::Whole => self.part(title, 0..length),
            Wanted::Part(range) => {
                let said = content_range(&format!("{}-{}", range.start, range.end - 1), length);
                let mut response = self.part(title, range);
                *response.status_mut() = StatusCode::PARTIAL_CONTENT;
                response.headers_mut().insert(header::CONTENT_RANGE, said);
                response
            }
            Wanted::Nothing => {
                let detail = format!("the title has {length} bytes");
                let problem =
                    Problem::new(StatusCode::RANGE_NOT_SATISFIABLE, "range_behind_end", detail);
                let mut response = problem.into_response();
                response.headers_mut().insert(header::CONTENT_RANGE, content_range("*", length));
                response
            }
        };
        let headers = response.headers_mut();
        headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
        headers.insert(header::ETAG, tag);
        response
    }

    fn part(&self, title: &Title, range: Range<u64>) -> Response {
        let length = HeaderValue::from(range.end - range.start);
        let body = TitleBody::new(Arc::clone(&self.catalogue), title.id(), range);
        let headers = [
            (header::CONTENT_TYPE, HeaderValue::from_static("application/octet-stream")),
            (header::CONTENT_LENGTH, length),
        ];
        (headers, axum::body::Body::new(body)).into_response()
    }

    /// The bytes follow from the seed and the title, and so does the tag: strong, and the same at every appliance.
    fn tag(&self, title: &Title) -> HeaderValue {
        let (seed, id) = (self.catalogue.seed().to_le_bytes(), title.id().to_string());
        let hash = stable_hash(&[&seed, b"etag", id.as_bytes(), &title.length().to_le_bytes()]);
        HeaderValue::from_str(&format!("\"{hash:016x}\"")).expect("digits and quotes")
    }
}

/// Whether an `If-None-Match` names this tag. Tags are compared weakly, as RFC 9110 13.1.2 says.
fn names(given: &HeaderValue, tag: &HeaderValue) -> bool {
    given.as_bytes().split(|&byte| byte == b',').any(|one| {
        let one = one.trim_ascii();
        one == b"*" || one.strip_prefix(b"W/").unwrap_or(one) == tag.as_bytes()
    })
}

fn content_range(range: &str, length: u64) -> HeaderValue {
    HeaderValue::from_str(&format!("bytes {range}/{length}")).expect("digits and a dash")
}

#[cfg(test)]
mod tests;
