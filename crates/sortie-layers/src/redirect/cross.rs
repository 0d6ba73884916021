use http::{Uri, request};
use sortie_core::Chain;

use super::{RedirectOptions, next_hop};
use crate::headers::Without;

impl RedirectOptions {
    /// Takes from the head of a request what must not go to `to`, as a redirect there would; whether that is a foreign
    /// origin, or the chain has been at one before.
    ///
    /// It is for whoever sends a request on to a URL that a server named by other means than a redirect: a link to the
    /// next page. The head's URI is where that server is; the chain, which is noted in the extensions, goes on from
    /// there. Such a request passes the layers that fill in default headers anew, so their defaults for the names that a
    /// redirect strips are [left out](Without) at a foreign origin.
    ///
    /// ```
    /// use http::{Request, Uri};
    /// use sortie_layers::redirect::RedirectOptions;
    ///
    /// let (mut head, ()) = Request::get("https://a.test/1").header("authorization", "k3y").body(()).unwrap().into_parts();
    /// let options = RedirectOptions::default();
    /// assert!(!options.cross(&mut head, &Uri::from_static("https://a.test/2")));
    /// assert!(head.headers.contains_key("authorization"));
    /// assert!(options.cross(&mut head, &Uri::from_static("https://b.test/3")));
    /// assert!(!head.headers.contains_key("authorization"));
    /// ```
    pub fn cross(&self, head: &mut request::Parts, to: &Uri) -> bool {
        next_hop::cross(head, to, self);
        let crossed = Chain::has_crossed(&head.extensions);
        if crossed {
            let names = next_hop::CREDENTIALS.iter().chain(&self.sensitive);
            for name in names {
                if !Without::contains(&head.extensions, name) {
                    Without::add(&mut head.extensions, name.clone());
                }
            }
        }
        crossed
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::Request;
    use http::header::{AUTHORIZATION, HOST};

    #[test]
    fn what_was_left_behind_stays_behind_and_no_default_takes_its_place() {
        let key = http::HeaderName::from_static("x-key");
        let options = RedirectOptions::default().sensitive(key.clone());
        let request = Request::get("http://a/").header(AUTHORIZATION, "1").header(&key, "2").header("accept", "3");
        let (mut head, ()) = request.body(()).unwrap().into_parts();
        for (to, crossed) in
            [("http://a/2", false), ("https://a/3", false), ("https://b/4", true), ("https://a/5", true)]
        {
            let to: Uri = to.parse().unwrap();
            assert_eq!(options.cross(&mut head, &to), crossed, "{to}");
            head.uri = to;
            for name in [&AUTHORIZATION, &key] {
                assert_eq!(head.headers.contains_key(name), !crossed);
                assert_eq!(Without::contains(&head.extensions, name), crossed);
            }
            assert_eq!(Without::contains(&head.extensions, &HOST), crossed);
            assert!(head.headers.contains_key("accept"));
        }
    }
}
