use http::{Extensions, HeaderName};

/// The default headers that this request is to go without: a request extension.
#[derive(Clone, Debug, Default)]
pub struct Without(Vec<HeaderName>);

impl Without {
    /// Has `name` left out for the request of these extensions, by every layer that would fill it in.
    ///
    /// A header of that name on the request itself stays. The wish holds for all hops of a redirect chain.
    ///
    /// ```
    /// use sortie_core::Without;
    ///
    /// let mut request = http::Request::new(());
    /// Without::add(request.extensions_mut(), http::header::ACCEPT);
    /// assert!(Without::contains(request.extensions(), &http::header::ACCEPT));
    /// ```
    pub fn add(extensions: &mut Extensions, name: HeaderName) {
        extensions.get_or_insert_default::<Self>().0.push(name);
    }

    /// Whether the request of these extensions is to go without the default for `name`.
    #[must_use]
    pub fn contains(extensions: &Extensions, name: &HeaderName) -> bool {
        extensions.get::<Self>().is_some_and(|without| without.0.contains(name))
    }

    /// The names.
    #[must_use]
    pub fn names(&self) -> &[HeaderName] {
        &self.0
    }
}
