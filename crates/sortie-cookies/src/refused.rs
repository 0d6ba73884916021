use std::fmt;

/// Why a cookie was not taken.
///
/// A browser drops such a cookie without a word; here the word is the return value of [`Jar::set`](crate::Jar::set) and
/// [`Jar::receive`](crate::Jar::receive). The layer drops them silently, as the RFC has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refused {
    /// The field has a control character other than a tab (RFC 6265bis §5.6 step 1).
    ControlCharacter,
    /// Another site made the request and its cookie is for same-site requests only (§5.7, `SameSite`).
    CrossSite,
    /// The `Domain` attribute is not ASCII, or neither the host itself nor a parent of it (§5.7).
    Domain,
    /// There is neither a name nor a value (§5.7 step 2).
    Empty,
    /// A `Partitioned` cookie is not `Secure` (CHIPS §2.1).
    Partitioned,
    /// The `Path` attribute is not ASCII, so that no request could have such a path; or the path, of the attribute or of
    /// the URL, has more than 65,535 octets.
    Path,
    /// The name claims by its prefix (`__Secure-`, `__Host-`, `__Http-`, `__Host-Http-`) what the attributes do not
    /// keep; or there is no name and the value looks like one that does (§5.7).
    Prefix,
    /// The `Domain` attribute is a public suffix, such as `co.uk`: it would go to everybody's server (§5.7).
    PublicSuffix,
    /// A cookie is `SameSite=None`, for requests of other sites too, and not `Secure` (§5.7).
    SameSiteNone,
    /// A `Secure` cookie came over a connection that is not (§5.7).
    Secure,
    /// Over a connection that is not secure, a cookie would stand before a `Secure` one of the same name (§5.7).
    ShadowsSecure,
    /// A name or a value given by hand has a character that would make two cookies of one, or another one: `;`, a `=`
    /// in the name, white space at an end. Percent-encode it.
    Syntax,
    /// Name and value have more than 4096 octets together (§5.6 step 5).
    TooLarge,
    /// The URL has no host, or one longer than a host name can be.
    Url,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ControlCharacter => "the cookie has a control character",
            Self::CrossSite => "the cookie is for same-site requests and came with a cross-site one",
            Self::Domain => "the cookie's domain is neither the host nor a parent domain of it",
            Self::Empty => "the cookie has neither a name nor a value",
            Self::Partitioned => "a Partitioned cookie must be Secure",
            Self::Path => "the cookie's path is not ASCII, or too long",
            Self::Prefix => "the cookie's attributes do not keep what the prefix of its name promises",
            Self::PublicSuffix => "the cookie's domain is a public suffix",
            Self::SameSiteNone => "a SameSite=None cookie must be Secure",
            Self::Secure => "a Secure cookie cannot be set over an insecure connection",
            Self::ShadowsSecure => "the cookie would shadow a Secure one, over an insecure connection",
            Self::Syntax => "the cookie's name or value has a character that must be percent-encoded",
            Self::TooLarge => "the cookie's name and value have more than 4096 octets",
            Self::Url => "the URL has no host that a cookie could belong to",
        })
    }
}

impl std::error::Error for Refused {}
