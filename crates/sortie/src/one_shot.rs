use http::Method;

use crate::{IntoUrl, RequestBuilder, Session};

macro_rules! one_shot {
    ($($name:ident: $method:literal,)*) => {$(
        #[doc = concat!("A `", $method, "` request in a session of its own, as `requests.", stringify!($name), "`.")]
        ///
        /// The session ends with the response: no cookie is kept, and no connection. Make a [`Session`] for more than
        /// one request.
        pub fn $name(url: impl IntoUrl) -> RequestBuilder {
            Session::new().$name(url)
        }
    )*};
}

one_shot! {
    get: "GET",
    head: "HEAD",
    post: "POST",
    put: "PUT",
    patch: "PATCH",
    delete: "DELETE",
    options: "OPTIONS",
}

/// A request with any method in a session of its own, as `requests.request`; see [`get`].
pub fn request<M: TryInto<Method>>(method: M, url: impl IntoUrl) -> RequestBuilder {
    Session::new().request(method, url)
}
