//! Path routing.

use std::{collections::BTreeMap, fmt, sync::Arc};

use http::{HeaderValue, Method, Request, StatusCode, header};
use matchit::Router;

use crate::{
    BadSetting, Body, Category, Filter, FilterMeta, Phases, RequestCx, Step, answer::plain, order,
};

/// A routing filter: the path and the method choose the endpoint. Clones share the table.
///
/// No path matches: 404. One does, but not with this method: 405 with `Allow`. Where `GET` is allowed, so is `HEAD`.
/// More specific paths win over parameters, whatever the order they were added in.
#[derive(Clone)]
pub struct Routes {
    router: Arc<Router<Box<[Rule]>>>,
    endpoints: Arc<[String]>,
}

/// One entry of a route table: a path, the methods it takes, and the endpoint that answers.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(try_from = "settings::Raw"))]
pub struct Route {
    path: String,
    endpoint: String,
    name: Option<String>,
    methods: Vec<Method>,
}

/// What holds for some methods of a path. No methods: all.
struct Rule {
    name: Arc<str>,
    endpoint: Arc<str>,
    methods: Box<[Method]>,
}

// ===== impl Routes =====

impl Routes {
    /// Builds the table.
    ///
    /// # Errors
    ///
    /// A path that is not a pattern or conflicts with another one, or a method that a path has twice.
    pub fn new(routes: impl IntoIterator<Item = Route>) -> Result<Self, BadSetting> {
        let mut by_path: BTreeMap<String, Vec<Rule>> = BTreeMap::new();
        let mut endpoints = Vec::new();
        for route in routes {
            let rules = by_path.entry(route.path.clone()).or_default();
            if rules.iter().any(|rule| rule.overlaps(&route.methods)) {
                let allowed = "one route for each path and method";
                return Err(BadSetting::new("routes.path", &route.path, allowed));
            }
            endpoints.push(route.endpoint.clone());
            rules.push(Rule::new(route));
        }
        let mut router = Router::new();
        for (path, rules) in by_path {
            if !path.starts_with('/') {
                return Err(BadSetting::new(
                    "routes.path",
                    format!("{path:?}"),
                    "begun with a slash",
                ));
            }
            router.insert(path.as_str(), rules.into_boxed_slice()).map_err(|error| {
                let allowed = format!("a path pattern without conflict ({error})");
                BadSetting::new("routes.path", &path, allowed)
            })?;
        }
        Ok(Self { router: Arc::new(router), endpoints: endpoints.into() })
    }
}

impl Filter for Routes {
    fn meta(&self) -> FilterMeta {
        FilterMeta::new("route", Category::Routing).order(order::ROUTE).phases(Phases::Inbound)
    }

    fn on_request<'a>(&'a self, cx: &'a mut RequestCx, req: &'a mut Request<Body>) -> Step<'a> {
        let Ok(matched) = self.router.at(req.uri().path()) else {
            return Step::respond(plain(StatusCode::NOT_FOUND, "no such path"));
        };
        let Some(rule) = matched.value.iter().find(|rule| rule.takes(req.method())) else {
            let mut res = plain(StatusCode::METHOD_NOT_ALLOWED, "no such method here");
            res.headers_mut().insert(header::ALLOW, allow(matched.value));
            return Step::respond(res);
        };
        cx.set_route(Arc::clone(&rule.name));
        cx.set_endpoint(Arc::clone(&rule.endpoint));
        for (name, value) in matched.params.iter() {
            cx.push_param(name, value);
        }
        Step::CONTINUE
    }

    fn endpoints(&self) -> Vec<String> {
        self.endpoints.to_vec()
    }
}

impl fmt::Debug for Routes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Routes").field("endpoints", &self.endpoints).finish_non_exhaustive()
    }
}

fn allow(rules: &[Rule]) -> HeaderValue {
    let mut names: Vec<&str> =
        rules.iter().flat_map(|rule| rule.methods.iter().map(Method::as_str)).collect();
    if names.contains(&"GET") && !names.contains(&"HEAD") {
        names.push("HEAD");
    }
    names.sort_unstable();
    // Methods are tokens, and those are header values.
    HeaderValue::from_str(&names.join(", ")).unwrap_or(HeaderValue::from_static(""))
}

// ===== impl Route =====

impl Route {
    /// Sends every method on this path to an endpoint. `{id}` matches a segment, `{*rest}` the rest.
    pub fn new(path: impl Into<String>, endpoint: impl Into<String>) -> Self {
        Self { path: path.into(), endpoint: endpoint.into(), name: None, methods: Vec::new() }
    }

    /// Takes these methods only.
    #[must_use]
    pub fn methods(mut self, methods: impl IntoIterator<Item = Method>) -> Self {
        self.methods.extend(methods);
        self
    }

    /// Sets the route's name, for logs and limits. Defaults to the path pattern.
    #[must_use]
    pub fn named(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }
}

// ===== impl Rule =====

impl Rule {
    fn new(route: Route) -> Self {
        Self {
            name: route.name.unwrap_or(route.path).into(),
            endpoint: route.endpoint.into(),
            methods: route.methods.into(),
        }
    }

    fn takes(&self, method: &Method) -> bool {
        let as_get = method == Method::HEAD && self.methods.contains(&Method::GET);
        self.methods.is_empty() || self.methods.contains(method) || as_get
    }

    fn overlaps(&self, methods: &[Method]) -> bool {
        self.methods.is_empty()
            || methods.is_empty()
            || methods.iter().any(|method| self.methods.contains(method))
    }
}

#[cfg(feature = "serde")]
mod settings {
    use serde::{Deserialize, de::Error};

    use super::*;

    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    pub(super) struct Raw {
        path: String,
        endpoint: String,
        name: Option<String>,
        #[serde(default)]
        methods: Vec<String>,
    }

    impl TryFrom<Raw> for Route {
        type Error = BadSetting;

        fn try_from(raw: Raw) -> Result<Self, BadSetting> {
            let parse = |method: String| {
                Method::from_bytes(method.as_bytes())
                    .map_err(|_| BadSetting::new("methods", format!("{method:?}"), "http methods"))
            };
            let methods = raw.methods.into_iter().map(parse).collect::<Result<_, _>>()?;
            Ok(Self { path: raw.path, endpoint: raw.endpoint, name: raw.name, methods })
        }
    }

    /// A list of `{ path = "/plays/{id}", endpoint = "playback", methods = ["PUT"], name = "play" }`.
    impl<'de> Deserialize<'de> for Routes {
        fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
            Self::new(Vec::<Route>::deserialize(from)?).map_err(D::Error::custom)
        }
    }
}
