//! The caller's patience as the call's deadline.

use std::time::Duration;

use http::Request;
use orlop_core::CallContext;
use orlop_core::http::Deadline;
use orlop_gateway_filters::{Body, Category, Filter, FilterMeta, Phases, RequestCx, Step, order};
use tokio::time::Instant;

/// No caller has more: what a header says is taken into this, and who says nothing has it. 1 s.
const PATIENCE: Duration = Duration::from_secs(1);

/// Reads the deadline header before the edge strips it, and puts the deadline into the call's context, where the client
/// of the endpoint finds it and passes on what is left.
#[derive(Debug)]
pub(super) struct Patience;

impl Filter for Patience {
    fn meta(&self) -> FilterMeta {
        FilterMeta::new("deadline", Category::Context)
            .order(order::EDGE - 50)
            .phases(Phases::Inbound)
    }

    fn on_request<'a>(&'a self, _: &'a mut RequestCx, req: &'a mut Request<Body>) -> Step<'a> {
        let now = Instant::now();
        // A value that is not understood is none.
        let said = Deadline::read(req.headers(), PATIENCE, now).ok().flatten();
        let context = CallContext::new().deadline_at(said.unwrap_or(now + PATIENCE));
        req.extensions_mut().insert(context);
        Step::CONTINUE
    }
}
