//! Which auth signs a request. A pure function of its head.

use http::header::AUTHORIZATION;
use http::{Extensions, HeaderMap};
use sortie_core::auth::{Auth, SharedAuth, Userinfo};
use sortie_core::{Chain, Defaulted, PerRequest};

use super::{AuthOptions, Basic};

/// The auth that signs a request.
#[derive(Clone, Debug)]
pub(super) enum Chosen {
    Shared(SharedAuth),
    Userinfo(Basic),
    Fallback(SharedAuth),
}

impl Chosen {
    pub(super) fn auth(&self) -> &dyn Auth {
        match self {
            Self::Shared(auth) | Self::Fallback(auth) => &**auth,
            Self::Userinfo(basic) => basic,
        }
    }
}

/// The auth for a request of this head, with the userinfo of its URI; `None` if it is sent as it is.
///
/// In this order, each only where it applies: the request's, an `Authorization` set on the request (which is no auth:
/// it is sent as it is), the mount's, the session's, a default `Authorization`, the userinfo of the URL, the fallback.
pub(super) fn choose(
    named: Option<&Userinfo>,
    headers: &HeaderMap,
    extensions: &Extensions,
    options: &AuthOptions,
) -> Option<Chosen> {
    // What was given for one server is not for those that another one names.
    let at_home = !Chain::has_crossed(extensions);
    match PerRequest::<SharedAuth>::of(extensions) {
        Some(PerRequest::Off) => return None,
        Some(PerRequest::Use(auth)) if at_home => return Some(Chosen::Shared(auth.clone())),
        _ => {}
    }
    let has_header = headers.contains_key(AUTHORIZATION);
    if has_header && !Defaulted::contains(extensions, headers, &AUTHORIZATION) {
        return None;
    }
    let configured = options.mount.as_ref().or_else(|| options.session.as_ref().filter(|_| at_home));
    if let Some(auth) = configured {
        return Some(Chosen::Shared(auth.clone()));
    }
    if has_header {
        return None;
    }
    // As in requests, a user without a password (`user@`, not `user:@`) is not sent.
    if at_home && let Some(Userinfo { user, password: Some(password), .. }) = extensions.get().or(named) {
        return Some(Chosen::Userinfo(Basic::new(user, password)));
    }
    options.fallback.clone().map(Chosen::Fallback)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::userinfo;
    use http::{HeaderValue, Uri};
    use sortie_core::auth::Unsigned;

    fn named(name: &'static str) -> SharedAuth {
        SharedAuth::new(move |request: &mut Unsigned<'_>| {
            request.headers_mut().insert(AUTHORIZATION, HeaderValue::from_static(name));
            Ok(())
        })
    }

    /// Who signs, given the letters of what there is: `r`equest auth, `o`ff, an explicit `h`eader, a `d`efault header,
    /// `m`ount auth, `s`ession auth, user`i`nfo, `u`serinfo in the URI, a `f`allback; `x` after a hop to a foreign origin.
    fn signer(there: &str) -> String {
        let has = |letter| there.contains(letter);
        let uri: Uri = if has('u') { "http://uri:x@a/" } else { "http://a/" }.parse().unwrap();
        let (mut headers, mut extensions) = (HeaderMap::new(), Extensions::new());
        let options = AuthOptions {
            mount: has('m').then(|| named("mount")),
            session: has('s').then(|| named("session")),
            fallback: has('f').then(|| named("fallback")),
            ..AuthOptions::default()
        };
        if has('r') {
            extensions.insert(PerRequest::Use(named("request")));
        }
        if has('o') {
            extensions.insert(PerRequest::<SharedAuth>::Off);
        }
        if has('h') || has('d') {
            headers.insert(AUTHORIZATION, HeaderValue::from_static("header"));
        }
        if has('d') {
            extensions.insert(Defaulted::new([(AUTHORIZATION, HeaderValue::from_static("header"))]));
        }
        if has('i') {
            extensions.insert(Userinfo::new("extension", Some("x".into())));
        }
        if has('x') {
            extensions.insert(Chain::extend(None, &"http://b/".parse().unwrap(), &uri).unwrap());
        }
        let Some(chosen) = choose(userinfo::of(&uri).as_ref(), &headers, &extensions, &options) else {
            return "none".into();
        };
        if let Chosen::Userinfo(_) = chosen {
            return "userinfo".into();
        }
        let headers = super::super::tests::signed(chosen.auth()).unwrap();
        headers[AUTHORIZATION].to_str().unwrap().to_owned()
    }

    #[test]
    fn request_then_header_then_mount_then_session_then_default_then_userinfo_then_fallback() {
        for (there, expected) in [
            ("rhmsiu", "request"),
            ("rd", "request"),
            ("hmsiu", "none"),
            ("msiu", "mount"),
            ("dmsiu", "mount"),
            ("siu", "session"),
            ("dsiu", "session"),
            ("diu", "none"),
            ("iu", "userinfo"),
            ("u", "userinfo"),
            ("", "none"),
            ("omsiu", "none"),
            ("odmsiu", "none"),
            // At a foreign origin only what is the mount's is left.
            ("xrmsiu", "mount"),
            ("xrsiu", "none"),
            ("xdm", "mount"),
            ("xds", "none"),
            ("xhm", "none"),
            ("xom", "none"),
            // The fallback is last, and knows by itself whose server it is.
            ("rhmsiuf", "request"),
            ("hf", "none"),
            ("mf", "mount"),
            ("sf", "session"),
            ("df", "none"),
            ("if", "userinfo"),
            ("uf", "userinfo"),
            ("f", "fallback"),
            ("of", "none"),
            ("xrsiuf", "fallback"),
            ("xmf", "mount"),
            ("xdf", "none"),
            ("xhf", "none"),
            ("xof", "none"),
        ] {
            assert_eq!(signer(there), expected, "{there}");
        }
    }

    #[test]
    fn userinfo_needs_a_password_though_it_may_be_empty() {
        let chosen = |uri: &str| {
            let named = userinfo::of(&uri.parse().unwrap());
            choose(named.as_ref(), &HeaderMap::new(), &Extensions::new(), &AuthOptions::default()).is_some()
        };
        for (uri, signs) in
            [("http://u:p@a/", true), ("http://u:@a/", true), ("http://:p@a/", true), ("http://u@a/", false)]
        {
            assert_eq!(chosen(uri), signs, "{uri}");
        }
    }
}
