//! `GET /`: what this is, for people with a browser or curl. Without a token.

use http::{HeaderValue, Method, Request, StatusCode};
use orlop_gateway_filters::{
    Body, Category, Filter, FilterMeta, Phases, RequestCx, StaticAnswer, Step, order,
};

/// Answers the front page before anybody asks for a token.
#[derive(Debug)]
pub(super) struct Front {
    page: StaticAnswer,
}

impl Front {
    pub(super) fn new(gateway: &str) -> Self {
        let text = format!(
            "orlop reference platform, {gateway}\n\n\
             PUT /plays/{{id}}    start a play\n\
             GET /search?q=     titles by words\n\
             GET /browse        rows for everybody\n\
             GET /home          rows for one member\n"
        );
        let page = StaticAnswer::new(StatusCode::OK);
        Self { page: page.body(HeaderValue::from_static("text/plain; charset=utf-8"), text) }
    }
}

impl Filter for Front {
    fn meta(&self) -> FilterMeta {
        FilterMeta::new("front", Category::Http).order(order::JWT - 100).phases(Phases::Inbound)
    }

    fn on_request<'a>(&'a self, _: &'a mut RequestCx, req: &'a mut Request<Body>) -> Step<'a> {
        let asked = req.uri().path() == "/" && [Method::GET, Method::HEAD].contains(req.method());
        if asked { Step::respond(self.page.response()) } else { Step::CONTINUE }
    }
}
