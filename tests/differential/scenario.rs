//! What a scenario is: plain data that both clients are driven by. Python reads its JSON form.

use serde::Serialize;

use crate::answer::Answer;

/// One session, the calls made with it in turn, and what the servers answer.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    /// The statement that it is about (`S20`), an advisory, or a group of requests' own suite (`group B`).
    pub(crate) about: &'static str,
    pub(crate) session: Settings,
    pub(crate) calls: Vec<Call>,
    /// Cookies that are looked up in the jar at the end: a URL, and the name. requests looks by the name alone.
    pub(crate) looked_up: Pairs,
    #[serde(skip)]
    pub(crate) servers: Vec<Server>,
    #[serde(skip)]
    pub(crate) shown: Shown,
}

/// What of the requests that arrived is compared beside what they say.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Shown {
    /// On which connection each came.
    pub(crate) connections: bool,
    /// Whether there was a wait before each, and a longer one than before the last.
    pub(crate) waits: bool,
    pub(crate) head: Head,
}

/// What of a request's head is compared as it came: by itself neither the order and spelling of names nor the blanks and
/// quotes of values.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Head {
    #[default]
    Nothing,
    /// The request line, and the names in their order and spelling.
    Names,
    /// The values, with their blanks and quotes.
    Values,
}

/// A server and its pages.
#[derive(Clone, Debug)]
pub(crate) struct Server {
    pub(crate) origin: &'static str,
    pub(crate) pages: Vec<Page>,
    pub(crate) listens: bool,
}

/// What a target is answered with: each answer once, and the last one for ever.
#[derive(Clone, Debug)]
pub(crate) struct Page {
    /// A path, which answers with any query; a path with its query; for a proxy a whole URL; or `*` for all.
    pub(crate) target: &'static str,
    pub(crate) answers: Vec<Answer>,
}

/// Pairs of text.
pub(crate) type Pairs = Vec<(String, String)>;

/// What a session is set to; requests' words.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Settings {
    pub(crate) headers: Vec<(String, Option<String>)>,
    pub(crate) params: Pairs,
    pub(crate) auth: Option<Auth>,
    /// `Set-Cookie` values, as if the server at a URL had sent them before.
    pub(crate) cookies: Pairs,
    pub(crate) max_redirects: Option<usize>,
    /// Headers that only the first origin may see: requests has no such setting.
    pub(crate) sensitive: Vec<&'static str>,
    pub(crate) hooks: Vec<Hook>,
    /// A prefix, and the mark that requests below it get in the header `x-mount`.
    pub(crate) mounts: Pairs,
    pub(crate) retries: Option<Retries>,
    pub(crate) pool: Option<Pool>,
    /// By the key of requests' `proxies` mapping.
    pub(crate) proxies: Pairs,
    pub(crate) distrust_env: bool,
    /// The environment, as far as a client looks at it.
    pub(crate) env: Pairs,
    /// The text of a netrc file, which `NETRC` names.
    pub(crate) netrc: Option<String>,
    /// The netrc files of the home folder, by name, where one is to be looked for; in the environment `{home}` is the
    /// folder.
    pub(crate) home_files: Option<Pairs>,
    /// Whether others may read them.
    pub(crate) home_is_open: bool,
    /// `verify=False`.
    pub(crate) unverified: bool,
    /// Trusts what the system trusts, and so not the servers of these tests.
    pub(crate) system_roots: bool,
}

/// One call and what is read of its answer.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Call {
    pub(crate) method: &'static str,
    pub(crate) url: String,
    pub(crate) headers: Vec<(String, Option<String>)>,
    pub(crate) params: Pairs,
    pub(crate) content: Option<Content>,
    pub(crate) auth: Option<Auth>,
    pub(crate) cookies: Pairs,
    pub(crate) timeout: Option<Timeout>,
    pub(crate) allow_redirects: Option<bool>,
    pub(crate) hooks: Vec<Hook>,
    pub(crate) proxies: Pairs,
    pub(crate) unverified: bool,
    pub(crate) read: Read,
    /// Headers of the answer to compare.
    pub(crate) show: Vec<&'static str>,
    /// Whether to compare the cookies that the answer sets.
    pub(crate) show_cookies: bool,
    /// Whether to compare the attempts of the last hop that were followed by another: how each ended.
    pub(crate) show_attempts: bool,
    /// Whether to compare, for each redirect of the history and the answer, how many came before it, and whether it came
    /// late.
    pub(crate) show_hops: bool,
    /// Whether the answers that were kept unread ([`Read::Later`]) are read before it.
    pub(crate) after_reading: bool,
    /// Whether the request is prepared by itself, and then sent by the session.
    pub(crate) prepared: bool,
    /// Whether the session is closed before it.
    pub(crate) after_close: bool,
    /// Whether the history is to show the challenges that were answered; requests has them there.
    pub(crate) challenges: bool,
    /// Whether what comes after a redirect is prepared by the client, and sent by hand.
    pub(crate) by_hand: bool,
}

/// What a request carries.
#[derive(Clone, Debug, Serialize)]
pub(crate) enum Content {
    /// `data=b"…"`
    Bytes(Vec<u8>),
    /// `data="…"`
    Text(String),
    /// `data={…}` or pairs.
    Form(Pairs),
    /// `json=…`, as the JSON text of the value.
    Json(String),
    /// `data=` a generator, whose length nobody knows.
    Stream(Vec<String>),
    /// `files=`, and `data=` for what is none.
    Multipart(Vec<Part>),
    /// Other content, and `files=` beside it.
    WithFiles(Box<Self>, Vec<Part>),
}

/// A part of a form: a file if it has a file name.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Part {
    pub(crate) name: String,
    pub(crate) filename: Option<String>,
    #[serde(rename = "type")]
    pub(crate) mime: Option<String>,
    pub(crate) content: String,
}

/// `timeout=`, in seconds.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) enum Timeout {
    /// `None`
    Never,
    /// One number.
    Both(f64),
    /// To connect, and between two reads.
    Each(Option<f64>, Option<f64>),
    /// urllib3's `Timeout(total=…)`, which requests takes too.
    Total(f64),
}

/// `auth=`.
#[derive(Clone, Debug, Serialize)]
pub(crate) enum Auth {
    Basic(String, String),
    Digest(String, String),
}

/// A hook on the answer of each hop.
#[derive(Clone, Debug, Serialize)]
pub(crate) enum Hook {
    /// Writes its name and the status down.
    Note(&'static str),
    /// Sets a header of the answer.
    Set(&'static str, &'static str),
    /// Fails.
    Fail,
}

/// An adapter's limits of connections.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(crate) struct Pool {
    /// How many are kept for one origin (`pool_maxsize`).
    pub(crate) kept: usize,
    /// Whether there are no more than that (`pool_block`).
    pub(crate) block: bool,
    /// How many there are for all origins, one for each (`pool_connections`).
    pub(crate) origins: Option<usize>,
}

/// An adapter's `max_retries`.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Retries {
    /// Beyond the first attempt.
    pub(crate) total: usize,
    pub(crate) statuses: Vec<u16>,
    /// Which methods; those of urllib3 unless given.
    pub(crate) methods: Vec<&'static str>,
    /// Whether a status that is still there at the end is an error (`raise_on_status`): sortie has no such setting.
    pub(crate) raises: bool,
    /// The wait in seconds from which the others are computed (`backoff_factor`); 0 for no wait.
    pub(crate) backoff: f64,
}

/// What is read of an answer, beside its head.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) enum Read {
    #[default]
    Content,
    Text,
    Json,
    /// `raise_for_status`, then the content.
    RaiseForStatus,
    Lines,
    Links,
    /// Nothing: it is dropped.
    Nothing,
    /// Nothing yet: it is kept, until a call that comes [after reading](Call::after_reading) or the end.
    Later,
}

pub(crate) fn scenario(name: &'static str, about: &'static str) -> Scenario {
    Scenario { name, about, ..Scenario::default() }
}

impl Scenario {
    /// A server that knows these pages. Several at one host share nothing but the name.
    pub(crate) fn server(mut self, origin: &'static str, pages: impl IntoIterator<Item = Page>) -> Self {
        self.servers.push(Server { origin, pages: pages.into_iter().collect(), listens: true });
        self
    }

    /// A server at `http://a.test` that gives these answers in turn, whatever it is asked.
    pub(crate) fn answers(self, answers: impl IntoIterator<Item = Answer>) -> Self {
        self.server("http://a.test", [pages("*", answers)])
    }

    /// An address where nothing listens.
    pub(crate) fn dead(mut self, origin: &'static str) -> Self {
        self.servers.push(Server { origin, pages: Vec::new(), listens: false });
        self
    }

    pub(crate) fn session(mut self, set: impl FnOnce(&mut Settings)) -> Self {
        set(&mut self.session);
        self
    }

    pub(crate) fn look_up(mut self, url: &str, name: &str) -> Self {
        self.looked_up.push((url.to_owned(), name.to_owned()));
        self
    }

    pub(crate) fn call(mut self, call: Call) -> Self {
        self.calls.push(call);
        self
    }

    pub(crate) fn connections(mut self) -> Self {
        self.shown.connections = true;
        self
    }

    pub(crate) fn head(mut self, head: Head) -> Self {
        self.shown.head = head;
        self
    }

    pub(crate) fn waits(mut self) -> Self {
        self.shown.waits = true;
        self
    }
}

pub(crate) fn page(target: &'static str, answer: Answer) -> Page {
    pages(target, [answer])
}

pub(crate) fn pages(target: &'static str, answers: impl IntoIterator<Item = Answer>) -> Page {
    Page { target, answers: answers.into_iter().collect() }
}

pub(crate) fn call(method: &'static str, url: impl Into<String>) -> Call {
    Call { method, url: url.into(), ..Call::default() }
}

pub(crate) fn get(url: impl Into<String>) -> Call {
    call("GET", url)
}

pub(crate) fn post(url: impl Into<String>) -> Call {
    call("POST", url)
}

/// Pairs out of what a test can write.
pub(crate) fn pairs<const N: usize>(pairs: [(&str, &str); N]) -> Pairs {
    pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).into()
}

pub(crate) fn field(name: &str, content: &str) -> Part {
    Part { name: name.to_owned(), filename: None, mime: None, content: content.to_owned() }
}

pub(crate) fn file(name: &str, filename: &str, mime: Option<&str>, content: &str) -> Part {
    let part = field(name, content);
    Part { filename: Some(filename.to_owned()), mime: mime.map(ToOwned::to_owned), ..part }
}

pub(crate) fn basic(user: &str, password: &str) -> Auth {
    Auth::Basic(user.to_owned(), password.to_owned())
}

impl Settings {
    pub(crate) fn header(&mut self, name: &str, value: &str) {
        self.headers.push((name.to_owned(), Some(value.to_owned())));
    }

    pub(crate) fn without_header(&mut self, name: &str) {
        self.headers.push((name.to_owned(), None));
    }

    pub(crate) fn basic(&mut self, user: &str, password: &str) {
        self.auth = Some(basic(user, password));
    }

    pub(crate) fn digest(&mut self, user: &str, password: &str) {
        self.auth = Some(Auth::Digest(user.to_owned(), password.to_owned()));
    }

    pub(crate) fn env<const N: usize>(&mut self, variables: [(&str, &str); N]) {
        self.env = pairs(variables);
    }
}

impl Call {
    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), Some(value.to_owned())));
        self
    }

    pub(crate) fn without_header(mut self, name: &str) -> Self {
        self.headers.push((name.to_owned(), None));
        self
    }

    pub(crate) fn params<const N: usize>(mut self, params: [(&str, &str); N]) -> Self {
        self.params = pairs(params);
        self
    }

    pub(crate) fn cookie(mut self, name: &str, value: &str) -> Self {
        self.cookies.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn content(self, content: Content) -> Self {
        Self { content: Some(content), ..self }
    }

    pub(crate) fn text(self, text: &str) -> Self {
        self.content(Content::Text(text.to_owned()))
    }

    pub(crate) fn form<const N: usize>(self, form: [(&str, &str); N]) -> Self {
        self.content(Content::Form(pairs(form)))
    }

    pub(crate) fn json(self, text: &str) -> Self {
        self.content(Content::Json(text.to_owned()))
    }

    pub(crate) fn stream<const N: usize>(self, chunks: [&str; N]) -> Self {
        self.content(Content::Stream(chunks.map(ToOwned::to_owned).into()))
    }

    pub(crate) fn multipart<const N: usize>(self, parts: [Part; N]) -> Self {
        self.content(Content::Multipart(parts.into()))
    }

    /// Beside other content, which is set before.
    pub(crate) fn with_files<const N: usize>(mut self, files: [Part; N]) -> Self {
        let content = self.content.take().expect("there is other content");
        self.content(Content::WithFiles(Box::new(content), files.into()))
    }

    pub(crate) fn basic(self, user: &str, password: &str) -> Self {
        Self { auth: Some(basic(user, password)), ..self }
    }

    pub(crate) fn timeout(self, connect: f64, read: f64) -> Self {
        self.limited(Timeout::Each(Some(connect), Some(read)))
    }

    pub(crate) fn limited(self, timeout: Timeout) -> Self {
        Self { timeout: Some(timeout), ..self }
    }

    pub(crate) fn redirects(self, allowed: bool) -> Self {
        Self { allow_redirects: Some(allowed), ..self }
    }

    pub(crate) fn hook(mut self, hook: Hook) -> Self {
        self.hooks.push(hook);
        self
    }

    pub(crate) fn proxy(mut self, of: &str, proxy: &str) -> Self {
        self.proxies.push((of.to_owned(), proxy.to_owned()));
        self
    }

    pub(crate) fn unverified(self) -> Self {
        Self { unverified: true, ..self }
    }

    pub(crate) fn read(self, read: Read) -> Self {
        Self { read, ..self }
    }

    pub(crate) fn show(mut self, header: &'static str) -> Self {
        self.show.push(header);
        self
    }

    pub(crate) fn prepared(self) -> Self {
        Self { prepared: true, ..self }
    }

    /// With headers of its own where a client would have defaults.
    pub(crate) fn without_defaults(self) -> Self {
        self.header("accept", "text/plain").header("accept-encoding", "identity").header("user-agent", "own")
    }

    /// Follows one redirect by hand.
    pub(crate) fn by_hand(self) -> Self {
        Self { by_hand: true, ..self }.redirects(false)
    }

    pub(crate) fn challenges(self) -> Self {
        Self { challenges: true, ..self }
    }

    pub(crate) fn digest(self, user: &str, password: &str) -> Self {
        Self { auth: Some(Auth::Digest(user.to_owned(), password.to_owned())), ..self }
    }

    pub(crate) fn after_close(self) -> Self {
        Self { after_close: true, ..self }
    }

    pub(crate) fn show_hops(self) -> Self {
        Self { show_hops: true, ..self }
    }

    pub(crate) fn show_attempts(self) -> Self {
        Self { show_attempts: true, ..self }
    }

    pub(crate) fn after_reading(self) -> Self {
        Self { after_reading: true, ..self }
    }

    pub(crate) fn show_cookies(self) -> Self {
        Self { show_cookies: true, ..self }
    }
}
