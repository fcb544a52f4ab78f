//! Through axum, which clones a route's service for each request.

use crate::{
    drive::drive,
    gates,
    http::{FRAME, is_whole},
};
use axum::{Router, body::Body, routing::get};
use bytes::Bytes;
use http::Request;
use orlop_benches::{Path, Row, Run};
use orlop_breaker::{BreakerLayer, Circuit};
use orlop_core::http::unavailable;

const BARE: &str = "axum: bare route";

pub fn rows() -> Vec<Row> {
    vec![
        Row::new(BARE, || {
            let router = served(router());
            Path::shared(move || requests(router.clone()))
        }),
        Row::new("axum: circuit as route layer, 5 in a row", || behind(gates::consecutive()))
            .above(BARE),
        Row::new("axum: circuit as route layer, last 100 calls", || behind(gates::count_window()))
            .above(BARE),
        Row::new("axum: circuit as route layer, last 10 s", || behind(gates::time_window()))
            .above(BARE),
    ]
}

fn router() -> Router {
    Router::new().route("/", get(async || Bytes::from_static(FRAME)))
}

/// As axum's server does before it takes connections: without it each request would make its route anew.
fn served(router: Router) -> Router {
    router.with_state(())
}

fn behind(circuit: Circuit) -> Path {
    let check = gates::admitted(&circuit);
    let layer = BreakerLayer::http(circuit).respond(unavailable::<Body>);
    let router = served(router().route_layer(layer));
    Path::shared(move || requests(router.clone())).checked(check)
}

fn requests(router: Router) -> Run {
    drive(router, |_| Request::new(Body::empty()), |_, result| result.is_ok_and(is_whole))
}
