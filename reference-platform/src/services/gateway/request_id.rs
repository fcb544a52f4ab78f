//! A name for each request.

use std::sync::Mutex;

use http::{HeaderName, HeaderValue, Request, Response};
use orlop_gateway_filters::{Body, Category, Filter, FilterMeta, RequestCx, Step, order};

use crate::ctx::Ctx;

/// The request's name, to the endpoint and to the caller. What a caller puts there is replaced.
pub const REQUEST_ID_HEADER: HeaderName = HeaderName::from_static("x-request-id");

/// Draws 16 hexadecimal digits for each request, from the seed.
#[derive(Debug)]
pub(super) struct RequestIds {
    /// Guards the generator, for the few nanoseconds of a draw.
    random: Mutex<fastrand::Rng>,
}

#[derive(Clone)]
struct RequestId(HeaderValue);

impl RequestIds {
    pub(super) fn new(ctx: &Ctx) -> Self {
        Self { random: Mutex::new(ctx.rng("request-ids")) }
    }

    fn draw(&self) -> HeaderValue {
        // A panic between lock and unlock is not possible, so neither is poison.
        let mut random = self.random.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        HeaderValue::from_str(&format!("{:016x}", random.u64(..))).expect("hexadecimal digits")
    }
}

impl Filter for RequestIds {
    fn meta(&self) -> FilterMeta {
        FilterMeta::new("request-id", Category::Context).order(order::EDGE + 100)
    }

    fn on_request<'a>(&'a self, cx: &'a mut RequestCx, req: &'a mut Request<Body>) -> Step<'a> {
        let id = self.draw();
        req.headers_mut().insert(REQUEST_ID_HEADER, id.clone());
        cx.extensions_mut().insert(RequestId(id));
        Step::CONTINUE
    }

    fn on_response<'a>(&'a self, cx: &'a mut RequestCx, res: &'a mut Response<Body>) -> Step<'a> {
        if let Some(RequestId(id)) = cx.extensions().get() {
            res.headers_mut().insert(REQUEST_ID_HEADER, id.clone());
        }
        Step::CONTINUE
    }
}
