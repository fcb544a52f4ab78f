//! No 503 without advice.

use http::{HeaderValue, Response, StatusCode, header};
use orlop_gateway_filters::{Body, Category, Filter, FilterMeta, Phases, RequestCx, Step, order};

/// Adds `Retry-After: 0` to a 503 that says nothing. Some refusals do not know when they end; another gateway may know
/// better, and should be asked within the caller's patience.
#[derive(Debug)]
pub(super) struct RetryAfter;

impl Filter for RetryAfter {
    fn meta(&self) -> FilterMeta {
        FilterMeta::new("retry-after", Category::Http)
            .order(order::EDGE_OUTBOUND + 50)
            .phases(Phases::Outbound)
    }

    fn on_response<'a>(&'a self, _: &'a mut RequestCx, res: &'a mut Response<Body>) -> Step<'a> {
        if res.status() == StatusCode::SERVICE_UNAVAILABLE {
            let entry = res.headers_mut().entry(header::RETRY_AFTER);
            entry.or_insert(HeaderValue::from_static("0"));
        }
        Step::CONTINUE
    }
}
