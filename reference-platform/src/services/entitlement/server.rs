//! The service.

use std::sync::Arc;

use axum::Router;
use tonic::{Request, Response, Status};

use super::proto::entitlement_server::{Entitlement as Service, EntitlementServer};
use super::proto::{MayPlayReply, MayPlayRequest};
use crate::BoxError;
use crate::catalogue::{Catalogue, TitleId};
use crate::ctx::Ctx;
use crate::members::Member;
use crate::net::Listener;
use crate::services::health;

/// Answers hold to the end of a span of this many seconds since 1970, and for one more span. 10 min.
const SPAN: u64 = 600;

struct Entitlements {
    ctx: Ctx,
    catalogue: Arc<Catalogue>,
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
    let service = EntitlementServer::new(Entitlements { ctx: ctx.clone(), catalogue });
    tonic::service::Routes::new(service).into_axum_router().merge(health::router(ctx))
}

#[tonic::async_trait]
impl Service for Entitlements {
    async fn may_play(
        &self,
        request: Request<MayPlayRequest>,
    ) -> Result<Response<MayPlayReply>, Status> {
        let MayPlayRequest { member, title } = request.into_inner();
        if member.is_empty() {
            return Err(Status::invalid_argument("member is empty"));
        }
        let id: TitleId =
            title.parse().map_err(|e| Status::invalid_argument(format!("title: {e}")))?;
        let title = self.catalogue.get(id).ok_or_else(|| Status::not_found("no such title"))?;
        let refused = Member::of(self.ctx.settings().seed, member).may_play(title).err();
        let now = self.ctx.wall().unix_seconds();
        Ok(Response::new(MayPlayReply {
            allowed: refused.is_none(),
            reason: refused.map(|why| why.code().to_owned()).unwrap_or_default(),
            until: (now / SPAN + 2) * SPAN,
        }))
    }
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, header};
    use http_body_util::BodyExt;
    use prost::Message;
    use tonic::Code;
    use tower::ServiceExt;

    use super::super::proto::entitlement_client::EntitlementClient;
    use super::*;
    use crate::members::Plan;
    use crate::services::testing;

    fn client(router: Router) -> EntitlementClient<Router> {
        EntitlementClient::with_origin(router, http::Uri::from_static("http://entitlement"))
    }

    fn app() -> (Ctx, Arc<Catalogue>, Router) {
        let ctx = testing::ctx("entitlement-a");
        let catalogue = Catalogue::of(ctx.settings());
        let router = router(&ctx, Arc::clone(&catalogue));
        (ctx, catalogue, router)
    }

    fn ask(member: &str, title: &str) -> MayPlayRequest {
        MayPlayRequest { member: member.into(), title: title.into() }
    }

    #[tokio::test(start_paused = true)]
    async fn answers_what_plan_and_age_say() {
        let (ctx, catalogue, router) = app();
        let mut client = client(router);
        let seed = ctx.settings().seed;
        for number in 0..200 {
            let member = Member::numbered(seed, number);
            let title = &catalogue.titles()[number as usize * 7];
            let request = ask(member.id(), &title.id().to_string());
            let reply = client.may_play(request).await.unwrap().into_inner();
            let expected = member.may_play(title).err().map_or("", |why| why.code());
            assert_eq!(reply.reason, expected, "{member:?} {title:?}");
            assert_eq!(reply.allowed, expected.is_empty());
            // The simulated day begins on a full span.
            assert_eq!(reply.until, ctx.wall().unix_seconds() + 2 * SPAN);
        }
        let mut members = (0..10_000).map(|number| Member::numbered(seed, number));
        let lapsed = members.find(|member| member.plan() == Plan::Lapsed).unwrap();
        let reply = client.may_play(ask(lapsed.id(), "t00001")).await.unwrap().into_inner();
        assert_eq!((reply.allowed, reply.reason.as_str()), (false, "plan_lapsed"));
    }

    #[tokio::test(start_paused = true)]
    async fn what_it_does_not_understand_has_a_status() {
        let (_, _, router) = app();
        let mut client = client(router);
        for (member, title, code) in [
            ("m1", "t99999", Code::NotFound),
            ("m1", "42", Code::InvalidArgument),
            ("", "t00001", Code::InvalidArgument),
        ] {
            let status = client.may_play(ask(member, title)).await.unwrap_err();
            assert_eq!(status.code(), code, "{member:?} {title:?}: {status}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_status_comes_in_trailers_over_a_real_connection() {
        let (ctx, _, router) = app();
        let mut h2 = testing::http2(router).await;

        let message = ask(Member::numbered(ctx.settings().seed, 1).id(), "t00001").encode_to_vec();
        let mut body = vec![0];
        body.extend((message.len() as u32).to_be_bytes());
        body.extend(message);
        let request =
            http::Request::post("http://entitlement/orlop.entitlement.v1.Entitlement/MayPlay")
                .header(header::CONTENT_TYPE, "application/grpc")
                .header(header::TE, "trailers")
                .body(axum::body::Body::from(body))
                .unwrap();
        let response = h2.send_request(request).await.unwrap();
        assert!(!response.headers().contains_key("grpc-status"), "not in the head");
        let collected = response.into_body().collect().await.unwrap();
        let trailers = collected.trailers().cloned().unwrap_or_else(HeaderMap::new);
        assert_eq!(trailers.get("grpc-status").unwrap(), "0");
        let reply = MayPlayReply::decode(&collected.to_bytes()[5..]).unwrap();
        assert!(reply.until > 0);
    }

    #[tokio::test(start_paused = true)]
    async fn says_that_it_is_well() {
        let (_, _, router) = app();
        let request = http::Request::get("/health").body(axum::body::Body::empty()).unwrap();
        assert_eq!(router.oneshot(request).await.unwrap().status(), 200);
    }
}
