//! Order, errors, switches.

use http::StatusCode;
use orlop_gateway_filters::{
    AnsweredBy, Body, Category, Completion, Endpoints, Filter, FilterMeta, Filters, Gateway,
    OnError, Phases, ResponseFuture,
};
use tower::Service;

use crate::support::{Act, Log, Probe, get, says, send, text};

fn gateway(filters: Filters) -> Gateway {
    Gateway::new(filters, Endpoints::new().fallback(says("endpoint"))).unwrap()
}

fn one(log: &Log, category: Category) -> Probe {
    Probe::new("one", category, 1, log)
}

fn two(log: &Log) -> Probe {
    Probe::new("two", Category::Http, 2, log)
}

fn of(first: Probe, second: Probe) -> Gateway {
    gateway(Filters::builder().filter(first).filter(second).build().unwrap())
}

#[test]
fn a_gateway_is_clone_send_sync() {
    fn assert<T: Clone + Send + Sync + 'static>() {}
    assert::<Gateway>();
    assert::<Filters>();
    fn send<T: Send>() {}
    send::<ResponseFuture>();
    send::<Body>();
}

#[tokio::test]
async fn filters_run_by_order_then_name_whatever_the_order_they_were_added_in() {
    let log = Log::default();
    let filters = Filters::builder()
        .filter(Probe::new("late", Category::Http, 9, &log))
        .filter(Probe::new("b", Category::Http, 1, &log))
        .filter(Probe::new("a", Category::Http, 1, &log));
    let res = send(&gateway(filters.build().unwrap()), get("/")).await;
    assert_eq!(text(res).await, "endpoint");
    assert_eq!(
        log.take(),
        [
            "in a",
            "in b",
            "in late",
            "out a",
            "out b",
            "out late",
            "end a Complete 200",
            "end b Complete 200",
            "end late Complete 200"
        ]
    );
}

#[tokio::test]
async fn the_outbound_side_can_stand_elsewhere_and_sides_can_be_missing() {
    let log = Log::default();
    let mut first = Probe::new("first", Category::Http, 1, &log);
    first.meta = first.meta.outbound_order(10);
    let mut only_in = Probe::new("only_in", Category::Http, 2, &log);
    only_in.meta = only_in.meta.phases(Phases::Inbound);
    let mut only_out = Probe::new("only_out", Category::Http, 3, &log);
    only_out.meta = only_out.meta.phases(Phases::Outbound);
    let mut neither = Probe::new("neither", Category::Observability, 4, &log);
    neither.meta = neither.meta.phases(Phases::Neither);
    let filters = Filters::builder().filter(first).filter(only_in).filter(only_out).filter(neither);
    text(send(&gateway(filters.build().unwrap()), get("/")).await).await;
    let log = log.take();
    assert_eq!(log[..4], ["in first", "in only_in", "out only_out", "out first"]);
    assert_eq!(log[4..].len(), 4, "each hears the end: {log:?}");
}

#[tokio::test]
async fn an_answer_skips_the_rest_of_the_inbound_pass_and_no_outbound_side() {
    let log = Log::default();
    let answering = one(&log, Category::Http).inbound(Act::Respond(StatusCode::IM_A_TEAPOT));
    let res = send(&of(answering, two(&log)), get("/")).await;
    assert_eq!(res.status(), StatusCode::IM_A_TEAPOT);
    assert_eq!(text(res).await, "one");
    assert_eq!(
        log.take(),
        ["in one", "out one", "out two", "end one Complete 418"],
        "two has not met the request, so it does not hear its end"
    );
}

#[tokio::test]
async fn failures_of_access_filters_close_the_door() {
    for act in [Act::Fail, Act::Panic, Act::FailLater, Act::PanicLater] {
        for category in [Category::Access, Category::Abuse, Category::Routing] {
            let log = Log::default();
            let gateway = of(one(&log, category).inbound(act), two(&log));
            let res = send(&gateway, get("/")).await;
            assert_eq!(res.status(), StatusCode::INTERNAL_SERVER_ERROR, "{act:?} {category:?}");
            assert!(!text(res).await.contains("endpoint"));
            assert_eq!(log.take(), ["in one", "out one", "out two", "end one Complete 500"]);
            assert_eq!(gateway.filters().status()[0].failures, 1);
        }
    }
}

#[tokio::test]
async fn failures_of_other_filters_leave_it_open() {
    for act in [Act::Fail, Act::Panic, Act::FailLater, Act::PanicLater] {
        for category in [Category::Context, Category::Observability, Category::Http] {
            let log = Log::default();
            let gateway = of(one(&log, category).inbound(act).outbound(act), two(&log));
            let res = send(&gateway, get("/")).await;
            assert_eq!(res.status(), StatusCode::OK, "{act:?} {category:?}");
            assert_eq!(text(res).await, "endpoint");
            assert_eq!(gateway.filters().status()[0].failures, 2, "one on each side");
        }
    }
}

#[tokio::test]
async fn the_policy_can_be_set_against_the_category() {
    let log = Log::default();
    let mut open = one(&log, Category::Access).inbound(Act::Fail);
    open.meta = open.meta.on_error(OnError::FailOpen);
    let mut closed = two(&log).outbound(Act::Panic);
    closed.meta = closed.meta.on_error(OnError::FailClosed(StatusCode::BAD_GATEWAY));
    let res = send(&of(open, closed), get("/")).await;
    assert_eq!(res.status(), StatusCode::BAD_GATEWAY, "a response that failed its filter stays in");
    assert_eq!(text(res).await, "a filter failed");
}

#[tokio::test]
async fn stop_skips_what_is_not_access_control() {
    let log = Log::default();
    let filters = Filters::builder()
        .filter(one(&log, Category::Http).inbound(Act::Stop))
        .filter(two(&log))
        .filter(Probe::new("guard", Category::Access, 3, &log));
    text(send(&gateway(filters.build().unwrap()), get("/")).await).await;
    assert_eq!(
        log.take(),
        [
            "in one",
            "in guard",
            "out one",
            "out two",
            "out guard",
            "end one Complete 200",
            "end guard Complete 200"
        ]
    );
}

#[tokio::test]
async fn an_outbound_side_can_replace_the_response() {
    let log = Log::default();
    let replacing = one(&log, Category::Http).outbound(Act::Respond(StatusCode::GONE));
    let res = send(&of(replacing, two(&log)), get("/")).await;
    assert_eq!((res.status(), text(res).await), (StatusCode::GONE, "one".into()));
}

#[tokio::test]
async fn a_filter_that_is_off_is_not_met_and_a_request_keeps_what_it_began_with() {
    let log = Log::default();
    let gateway = of(one(&log, Category::Access).inbound(Act::Hang), two(&log));
    let mut hung = tokio_test::task::spawn(gateway.clone().call(get("/")));
    assert!(hung.poll().is_pending());

    assert_eq!(gateway.filters().set_enabled("one", false), Ok(true));
    assert_eq!(gateway.filters().set_enabled("one", false), Ok(false), "nothing changed");
    assert_eq!(text(send(&gateway, get("/")).await).await, "endpoint");
    assert_eq!(log.take(), ["in one", "in two", "out two", "end two Complete 200"]);

    drop(hung);
    assert_eq!(log.take(), ["end one DroppedBeforeHead 0"], "although it is off by now");

    gateway.filters().set_enabled("one", true).unwrap();
    assert!(tokio_test::task::spawn(gateway.clone().call(get("/"))).poll().is_pending());
    let unknown = gateway.filters().set_enabled("tow", true).unwrap_err();
    assert_eq!(unknown.to_string(), r#"no filter is named "tow", there are: one, two"#);
}

#[test]
fn a_chain_that_cannot_be_says_why() {
    let log = Log::default();
    let twice = Filters::builder().filter(two(&log)).filter(two(&log)).build().unwrap_err();
    assert_eq!(twice.to_string(), "filters.name must be unique in a chain, got two");

    struct Numbered(usize);
    impl Filter for Numbered {
        fn meta(&self) -> FilterMeta {
            FilterMeta::new(self.0.to_string(), Category::Http)
        }
        fn on_complete(&self, _: &Completion<'_>) {}
    }
    let many = |count| (0..count).fold(Filters::builder(), |all, at| all.filter(Numbered(at)));
    assert_eq!(many(64).build().unwrap().status().len(), 64);
    assert!(many(64).build().unwrap().status().iter().all(|filter| filter.enabled));
    let bad = many(65).build().unwrap_err();
    assert_eq!(bad.to_string(), "filters must be at most 64 filters, got 65");
}

#[tokio::test]
async fn the_context_says_who_answered_and_what_failed() {
    struct Last(Log);
    impl Filter for Last {
        fn meta(&self) -> FilterMeta {
            FilterMeta::new("a_log", Category::Observability).order(-9).phases(Phases::Neither)
        }
        fn on_complete(&self, done: &Completion<'_>) {
            let failures: Vec<_> = done
                .cx()
                .failures()
                .iter()
                .map(|failure| format!("{}: {}", failure.filter(), failure.reason()))
                .collect();
            self.0.push(format!("{:?} {failures:?}", done.cx().answered_by()));
        }
    }
    let (log, probes) = (Log::default(), Log::default());
    let cases: [(Probe, AnsweredBy, &str); 4] = [
        (one(&probes, Category::Http), AnsweredBy::Endpoint, "[]"),
        (
            one(&probes, Category::Http).inbound(Act::Respond(StatusCode::OK)),
            AnsweredBy::Filter("one".into()),
            "[]",
        ),
        (
            one(&probes, Category::Access).inbound(Act::Panic),
            AnsweredBy::FilterFailed("one".into()),
            r#"["one: panicked"]"#,
        ),
        (
            one(&probes, Category::Http).outbound(Act::Fail),
            AnsweredBy::Endpoint,
            r#"["one: broken"]"#,
        ),
    ];
    for (probe, by, failures) in cases {
        let filters = Filters::builder().filter(probe).filter(Last(log.clone()));
        text(send(&gateway(filters.build().unwrap()), get("/")).await).await;
        assert_eq!(log.take(), [format!("{:?} {failures}", Some(by))]);
    }
}
