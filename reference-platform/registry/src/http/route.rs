//! What a path asks for.

use percent_encoding::percent_decode_str;

use crate::store::Key;

/// What a path names, below any of the bases.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Route {
    /// `apps`
    Apps,
    /// `apps/delta`
    Delta,
    /// `apps/{APP}`
    App(String),
    /// `apps/{APP}/{ID}`
    Instance(Key),
    /// `apps/{APP}/{ID}/status`
    InstanceStatus(Key),
    /// `apps/{APP}/{ID}/metadata`
    Metadata(Key),
    /// `instances/{ID}`
    Anywhere(String),
    /// `vips/{vip}`
    Vip(String),
    /// `svips/{svip}`
    SecureVip(String),
    /// `asg/{name}/status`
    Group,
    /// `peerreplication/batch`
    Batch,
    /// `status`
    Status,
}

/// The route of a path under `/eureka`, `/eureka/v2` or `/v2`, with or without a slash at the end. `None` for others
/// and for text that is not UTF-8.
pub(super) fn route(path: &str) -> Option<Route> {
    let segments: Vec<String> = path
        .trim_matches('/')
        .split('/')
        .map(|segment| percent_decode_str(segment).decode_utf8().map(|text| text.into_owned()))
        .collect::<Result<_, _>>()
        .ok()?;
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    below(base(&segments)?)
}

/// The segments below the base.
fn base<'a, 'b>(segments: &'a [&'b str]) -> Option<&'a [&'b str]> {
    let is = |segment: &str, name: &str| segment.eq_ignore_ascii_case(name);
    match segments {
        [eureka, version, rest @ ..] if is(eureka, "eureka") && is(version, "v2") => Some(rest),
        [first, rest @ ..] if is(first, "eureka") || is(first, "v2") => Some(rest),
        _ => None,
    }
}

fn below(segments: &[&str]) -> Option<Route> {
    Some(match *segments {
        ["apps"] => Route::Apps,
        ["apps", "delta"] => Route::Delta,
        ["apps", app] => Route::App(app.to_owned()),
        ["apps", app, id] => Route::Instance(Key::new(app, id)),
        ["apps", app, id, "status"] => Route::InstanceStatus(Key::new(app, id)),
        ["apps", app, id, "metadata"] => Route::Metadata(Key::new(app, id)),
        ["instances", id] => Route::Anywhere(id.to_owned()),
        ["vips", vip] => Route::Vip(vip.to_owned()),
        ["svips", vip] => Route::SecureVip(vip.to_owned()),
        ["asg", _, "status"] => Route::Group,
        ["peerreplication", "batch"] => Route::Batch,
        ["status"] => Route::Status,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_base_and_both_spellings_of_the_end() {
        for base in ["/eureka", "/eureka/v2", "/v2", "/Eureka/V2"] {
            for end in ["", "/"] {
                assert_eq!(route(&format!("{base}/apps{end}")), Some(Route::Apps), "{base}{end}");
                assert_eq!(route(&format!("{base}/apps/delta{end}")), Some(Route::Delta));
                let batch = format!("{base}/peerreplication/batch{end}");
                assert_eq!(route(&batch), Some(Route::Batch));
            }
        }
    }

    #[test]
    fn names_are_decoded_and_applications_put_into_capitals() {
        let key = Key::new("ORDERS", "host:app:8080");
        let paths = ["/eureka/apps/orders/host%3Aapp%3A8080", "/v2/apps/ORDERS/host:app:8080"];
        for path in paths {
            assert_eq!(route(path), Some(Route::Instance(key.clone())), "{path}");
        }
        assert_eq!(
            route("/v2/apps/ORDERS/a%2Fb/status"),
            Some(Route::InstanceStatus(Key::new("ORDERS", "a/b")))
        );
    }

    #[test]
    fn what_is_not_ours_is_not_found() {
        for path in
            ["/", "", "/apps", "/eureka", "/eureka/nothing-here", "/v2/apps/%ff", "/v2/vips"]
        {
            assert_eq!(route(path), None, "{path}");
        }
    }
}
