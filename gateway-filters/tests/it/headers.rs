//! Header rewrite.

use http::Request;
use orlop_gateway_filters::{BadSetting, Body, HeaderOps, HeaderRewrite};

use crate::support::{behind, echo_headers, send, text};

#[tokio::test]
async fn removes_then_sets_then_appends() -> Result<(), BadSetting> {
    let request = HeaderOps::new()
        .append("x-via", "gateway")?
        .set("x-zone", "a")?
        .remove("cookie")?
        .remove("x-via")?;
    let response = HeaderOps::new().set("strict-transport-security", "max-age=1")?;
    let rewrite = HeaderRewrite::new("rewrite").request(request).response(response);
    let req = Request::get("/")
        .header("cookie", "a=1")
        .header("x-via", "client")
        .header("x-zone", "z")
        .header("x-zone", "y")
        .body(Body::Empty)
        .unwrap();
    let res = send(&behind(rewrite, echo_headers()), req).await;
    assert_eq!(res.headers()["strict-transport-security"], "max-age=1");
    let mut lines: Vec<_> = text(res).await.lines().map(str::to_owned).collect();
    lines.sort();
    assert_eq!(lines, ["x-via: gateway", "x-zone: a"]);
    Ok(())
}

#[test]
fn framing_and_nonsense_are_refused() {
    for name in ["Content-Length", "transfer-encoding", "host", "connection", "a b", ""] {
        assert!(HeaderOps::new().set(name, "1").is_err(), "{name:?}");
        assert!(HeaderOps::new().remove(name).is_err(), "{name:?}");
    }
    let bad = HeaderOps::new().append("x-a", "1\r\nx-b: 2").unwrap_err();
    assert_eq!(bad.to_string(), r#"append.x-a must be a header value, got "1\r\nx-b: 2""#);
}
