use http::{Extensions, HeaderName};

/// The default headers that this request is to go without: a request extension.
#[derive(Clone, Debug, Default)]
pub struct Without {
    names: Vec<HeaderName>,
    /// Those that only the session is to leave out.
    of_session: Vec<HeaderName>,
}

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
        extensions.get_or_insert_default::<Self>().names.push(name);
    }

    /// Has `name` left out by the session's defaults alone: what a mount sets goes where the mount is, and may go there.
    ///
    /// It is for a request to a URL that a server chose, a link to the next page for example.
    pub fn add_for_session(extensions: &mut Extensions, name: HeaderName) {
        let names = &mut extensions.get_or_insert_default::<Self>().of_session;
        if !names.contains(&name) {
            names.push(name);
        }
    }

    /// Whether the request of these extensions is to go without any default for `name`.
    #[must_use]
    pub fn contains(extensions: &Extensions, name: &HeaderName) -> bool {
        extensions.get::<Self>().is_some_and(|without| without.names.contains(name))
    }

    /// The names that every layer leaves out.
    #[must_use]
    pub fn names(&self) -> &[HeaderName] {
        &self.names
    }

    /// The names that the session's defaults leave out: those of [`names`](Self::names), and a few more.
    pub fn names_for_session(&self) -> impl Iterator<Item = &HeaderName> {
        self.names.iter().chain(&self.of_session)
    }
}
