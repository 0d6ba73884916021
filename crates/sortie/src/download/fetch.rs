//! The asking, and the reading into a file.

use http::header::{ACCEPT_ENCODING, HeaderName, HeaderValue, IF_RANGE, RANGE};
use sortie_core::Phase;
use tokio::io::{AsyncWrite, AsyncWriteExt};

use super::part::Part;
use super::resume::{self, State, Validator, Verdict, judge};
use super::{BadDownload, Options};
use crate::template::Template;
use crate::{Error, ErrorKind, Response};

/// Asks for the file, and for the rest of it, until all of it is there; how much of it was there before.
pub(super) async fn all(template: &Template, part: &mut Part, options: &mut Options, max: usize) -> Result<u64, Error> {
    let mut resumed_from = if part.state.is_some() { part.length } else { 0 };
    let mut left = max;
    loop {
        match next(template, part, options, &mut resumed_from).await {
            Ok(Next::Done) => return Ok(resumed_from),
            Ok(Next::Anew) => {}
            Err(error) if left > 0 && part.length > 0 && part.state.is_some() && is_interruption(&error) => left -= 1,
            Err(error) => return Err(error),
        }
    }
}

enum Next {
    Done,
    /// What was there does not fit any more.
    Anew,
}

/// Asks once, for all of the file or for the rest.
async fn next(
    template: &Template,
    part: &mut Part,
    options: &mut Options,
    resumed_from: &mut u64,
) -> Result<Next, Error> {
    let mut headers: Vec<(HeaderName, HeaderValue)> = Vec::new();
    if !template.has_header(&ACCEPT_ENCODING) {
        headers.push((ACCEPT_ENCODING, HeaderValue::from_static("identity")));
    }
    let asked = part.state.clone().filter(|_| part.length > 0);
    if let Some(state) = &asked {
        let range = HeaderValue::try_from(format!("bytes={}-", part.length)).expect("digits are a header's value");
        headers.push((RANGE, range));
        headers.push((IF_RANGE, state.validator.value().clone()));
    }
    let response = template.send(headers).await?;
    let with_url = |error: Error| error.with_url(|| Some(template.url().clone()));
    let total = match judge(response.status(), response.headers(), part.length, asked.as_ref()) {
        Verdict::Append { total } => total,
        Verdict::Complete => return Ok(Next::Done),
        Verdict::Mismatch => {
            *resumed_from = 0;
            part.restart(None).await?;
            return Ok(Next::Anew);
        }
        Verdict::Whole => {
            let total = response.content_length();
            // Of unknown length may be what a layer decoded, whose octets are not those of the ranges.
            let validator = Validator::of(response.headers()).filter(|_| total.is_some());
            let url = resume::hash(template.url().as_str());
            *resumed_from = 0;
            part.restart(validator.map(|validator| State { url, validator, total })).await?;
            total
        }
        Verdict::Unasked => return Err(with_url(Error::new(ErrorKind::Protocol, BadDownload::UnaskedPart))),
        Verdict::Refused => return Err(response.into_error(None)),
    };
    fill(part, response, total, options).await?;
    Ok(Next::Done)
}

/// Whether the rest may come if it is asked for: the exchange broke, or stood still.
fn is_interruption(error: &Error) -> bool {
    match error.kind() {
        ErrorKind::Body | ErrorKind::Protocol | ErrorKind::Connect => true,
        ErrorKind::Timeout => !matches!(error.phase(), Some(Phase::Total)),
        _ => false,
    }
}

/// Reads the body into the file, to its end.
pub(super) async fn fill(
    part: &mut Part,
    mut response: Response,
    total: Option<u64>,
    options: &mut Options,
) -> Result<(), Error> {
    options.report(part.length, total);
    let Part { file, length, .. } = &mut *part;
    let copied = copy(&mut response, file, |octets| {
        *length += octets;
        options.report(*length, total);
    });
    match copied.await {
        Ok(()) => {}
        Err(Stopped::Read(error)) => return Err(error),
        Err(Stopped::Write(error)) => return Err(part.failed(error)),
    }
    match total {
        Some(total) if total != part.length => {
            let wrong = BadDownload::WrongLength { length: part.length, total };
            Err(Error::new(ErrorKind::Body, wrong).with_url(|| response.url().cloned()))
        }
        _ => Ok(()),
    }
}

#[derive(Debug)]
pub(super) enum Stopped {
    Read(Error),
    Write(std::io::Error),
}

/// Copies a body, and writes out what came of it also where it breaks off.
pub(super) async fn copy(
    response: &mut Response,
    into: &mut (impl AsyncWrite + Unpin),
    mut wrote: impl FnMut(u64),
) -> Result<(), Stopped> {
    let end = loop {
        match response.chunk().await {
            Ok(Some(chunk)) => {
                into.write_all(&chunk).await.map_err(Stopped::Write)?;
                wrote(chunk.len() as u64);
            }
            Ok(None) => break Ok(()),
            Err(error) => break Err(Stopped::Read(error)),
        }
    };
    into.flush().await.map_err(Stopped::Write)?;
    end
}
