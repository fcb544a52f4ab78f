//! One exchange over whatever service the caller gave, its types taken away.

use std::{
    error::Error as StdError,
    future::{Future, poll_fn},
    pin::{Pin, pin},
    sync::{Arc, Mutex, PoisonError},
};

use bytes::{Buf, Bytes, BytesMut};
use http::{Request, Response};
use http_body::Body;
use tower_service::Service;

use super::error::ErrorKind;

pub(super) type BoxError = Box<dyn StdError + Send + Sync>;
type Exchange = Pin<Box<dyn Future<Output = Result<Response<Bytes>, ErrorKind>> + Send>>;

/// Sends a request and collects the answer up to so many bytes.
pub(super) type Transport = Arc<dyn Fn(Request<Bytes>, usize) -> Exchange + Send + Sync>;

pub(super) fn over<S, B, R>(service: S) -> Transport
where
    S: Service<Request<B>, Response = Response<R>> + Clone + Send + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send,
    B: From<Bytes> + Send + 'static,
    R: Body + Send + 'static,
    R::Data: Send,
    R::Error: Into<BoxError>,
{
    // Held only to clone, so that a service need not be Sync.
    let service = Mutex::new(service);
    Arc::new(move |request, limit| {
        let mut service = service.lock().unwrap_or_else(PoisonError::into_inner).clone();
        Box::pin(async move {
            let transport = |error: S::Error| ErrorKind::Transport(error.into());
            poll_fn(|cx| service.poll_ready(cx)).await.map_err(transport)?;
            let response = service.call(request.map(B::from)).await.map_err(transport)?;
            let (head, body) = response.into_parts();
            Ok(Response::from_parts(head, collect(body, limit).await?))
        })
    })
}

async fn collect<R>(body: R, limit: usize) -> Result<Bytes, ErrorKind>
where
    R: Body,
    R::Error: Into<BoxError>,
{
    let mut body = pin!(body);
    let mut whole = BytesMut::new();
    while let Some(frame) = poll_fn(|cx| body.as_mut().poll_frame(cx)).await {
        let frame = frame.map_err(|error| ErrorKind::Transport(error.into()))?;
        if let Ok(mut data) = frame.into_data() {
            if data.remaining() > limit - whole.len() {
                return Err(ErrorKind::TooLarge(limit));
            }
            while data.has_remaining() {
                let chunk = data.chunk();
                let length = chunk.len();
                whole.extend_from_slice(chunk);
                data.advance(length);
            }
        }
    }
    Ok(whole.freeze())
}
